//! `POST /documents`: a pending document, and the URL that its content is to be sent to.

use serde::{Deserialize, Serialize};
use shared::{
    access,
    documents::{self, Checksum, ContentSize, ContentType, DocumentName, NewDocument, content},
    http::{ApiRequest, ApiResponse},
    problem::Problem,
    tenancy::{Data, caller::Caller},
    wire::{DocumentView, SignedUrlView},
};

use crate::App;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddDocumentBody {
    document_name: String,
    content_type: String,
    size_bytes: u64,
    checksum_sha256: String,
}

impl TryFrom<AddDocumentBody> for NewDocument {
    type Error = Problem;

    fn try_from(body: AddDocumentBody) -> Result<Self, Problem> {
        Ok(Self {
            name: DocumentName::try_from(body.document_name)?,
            content_type: ContentType::try_from(body.content_type)?,
            size: ContentSize::try_from(body.size_bytes)?,
            checksum: body.checksum_sha256.parse::<Checksum>()?,
        })
    }
}

#[derive(Serialize)]
struct Added {
    document: DocumentView,
    upload: SignedUrlView,
}

pub(crate) async fn add(app: &App, request: &ApiRequest, caller: &Caller) -> Result<ApiResponse, Problem> {
    let new: NewDocument = request.body::<AddDocumentBody>()?.try_into()?;
    let session = app.tenancy.open::<Data>(caller.tenant()).await?;
    let permit = access::to_collection(&session, caller).await?;
    let document = documents::create(&session, permit, caller.user(), new, &app.clock).await?;
    let upload = content::upload_url(&session, &document, &app.clock).await?;
    let answer = Added { document: DocumentView::of(&document), upload: upload.into() };
    Ok(ApiResponse::json(201, &answer)
        .header("Location", request.location_of(&document.id.to_string()))
        .header("ETag", document.etag()))
}
