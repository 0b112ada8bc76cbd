//! `GET /documents/{document_id}/shares`: with whom a document is shared.

use serde::Serialize;
use shared::{
    access, documents,
    http::{ApiRequest, ApiResponse},
    ids::DocumentId,
    problem::Problem,
    shares,
    tenancy::{Data, caller::Caller},
    wire::ShareView,
};

use crate::App;

#[derive(Serialize)]
struct Listed {
    shares: Vec<ShareView>,
}

pub(crate) async fn list(app: &App, request: &ApiRequest, caller: &Caller) -> Result<ApiResponse, Problem> {
    let id: DocumentId = request.path("document_id")?;
    let session = app.tenancy.open::<Data>(caller.tenant()).await?;
    let document = documents::find(&session, id, &app.clock).await?;
    let permit = access::to_document(&session, caller, document).await?;
    let shares = shares::list(&session, &permit).await?;
    Ok(ApiResponse::json(200, &Listed { shares: shares.iter().map(ShareView::of).collect() }))
}
