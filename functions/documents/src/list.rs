//! `GET /documents?limit&cursor`: the caller's own documents, newest first.

use serde::Serialize;
use shared::{
    access,
    documents::listing,
    http::{ApiRequest, ApiResponse},
    problem::Problem,
    tenancy::{Data, caller::Caller},
    wire::DocumentView,
};

use crate::App;

#[derive(Serialize)]
struct Listed {
    documents: Vec<DocumentView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(crate) async fn list(app: &App, request: &ApiRequest, caller: &Caller) -> Result<ApiResponse, Problem> {
    let page = request.page()?;
    let session = app.tenancy.open::<Data>(caller.tenant()).await?;
    let permit = access::to_collection(&session, caller).await?;
    let page = listing::list(&session, permit, caller.user(), page, &app.clock).await?;
    let documents = page.documents.iter().map(DocumentView::of).collect();
    Ok(ApiResponse::json(200, &Listed { documents, next_cursor: page.next_cursor }))
}
