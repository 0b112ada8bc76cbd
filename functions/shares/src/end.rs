//! `DELETE /shares/{document_id}/{user_id}`: ends a share.

use shared::{
    access,
    http::{ApiRequest, ApiResponse},
    ids::{DocumentId, UserId},
    problem::Problem,
    shares::{self, Candidate},
    tenancy::{Data, Sharing, caller::Caller},
};

use crate::App;

pub(crate) async fn end(app: &App, request: &ApiRequest, caller: &Caller) -> Result<ApiResponse, Problem> {
    let (document, receiver): (DocumentId, UserId) = (request.path("document_id")?, request.path("user_id")?);
    let session = app.tenancy.open::<Data>(caller.tenant()).await?;
    let Candidate { document, share, .. } = shares::look(&session, document, receiver, &app.clock).await?;
    let permit = access::to_document(&session, caller, document).await?;
    let sharing = app.tenancy.open::<Sharing>(caller.tenant()).await?;
    shares::end(&sharing, &permit, receiver, share, &app.clock).await?;
    Ok(ApiResponse::no_content())
}
