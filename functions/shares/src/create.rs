//! `POST /shares`: lets another user of the tenant open a document.

use serde::{Deserialize, Serialize};
use shared::{
    access,
    documents::content,
    http::{ApiRequest, ApiResponse},
    ids::{DocumentId, UserId},
    problem::Problem,
    shares::{self, Candidate},
    tenancy::{Data, Sharing, caller::Caller},
    wire::ShareView,
};

use crate::App;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShareBody {
    document_id: String,
    user_id: String,
}

#[derive(Serialize)]
struct Shared {
    share: ShareView,
}

pub(crate) async fn create(app: &App, request: &ApiRequest, caller: &Caller) -> Result<ApiResponse, Problem> {
    let body: ShareBody = request.body()?;
    let (document, receiver): (DocumentId, UserId) = (body.document_id.parse()?, body.user_id.parse()?);
    let session = app.tenancy.open::<Data>(caller.tenant()).await?;
    let Candidate { document, receiver, share } =
        shares::look(&session, document, receiver, &app.clock).await?;
    let permit = access::to_document(&session, caller, document).await?;
    let permit = content::settled(&session, permit, &app.clock).await?;
    let sharing = app.tenancy.open::<Sharing>(caller.tenant()).await?;
    let created =
        shares::create(&sharing, &permit, receiver, share, caller.user(), app.shares_max, &app.clock).await?;
    let location = request.location_of(&format!("{}/{}", created.share.document, created.share.receiver));
    let status = if created.is_new { 201 } else { 200 };
    let answer = Shared { share: ShareView::of(&created.share) };
    Ok(ApiResponse::json(status, &answer).header("Location", location))
}
