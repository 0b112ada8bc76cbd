//! `DELETE /documents/{document_id}`: invisible to everyone at once; the rest is removed in its own time.

use shared::{
    access, documents,
    http::{ApiRequest, ApiResponse},
    ids::DocumentId,
    problem::Problem,
    tenancy::{Data, caller::Caller},
};

use crate::App;

pub(crate) async fn delete(app: &App, request: &ApiRequest, caller: &Caller) -> Result<ApiResponse, Problem> {
    let id: DocumentId = request.path("document_id")?;
    let session = app.tenancy.open::<Data>(caller.tenant()).await?;
    let document = documents::find(&session, id, &app.clock).await?;
    let permit = access::to_document(&session, caller, document).await?;
    documents::delete(&session, permit, &app.clock).await?;
    Ok(ApiResponse::no_content())
}
