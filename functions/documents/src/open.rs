//! `GET /documents/{document_id}`: a document, and once its content is there, the URL to fetch it from.

use serde::Serialize;
use shared::{
    access::{self, AccessDocument, Permit},
    documents::{self, Document, content},
    http::{ApiRequest, ApiResponse},
    ids::DocumentId,
    problem::Problem,
    tenancy::{Data, caller::Caller},
    wire::{DocumentView, SignedUrlView},
};

use crate::App;

#[derive(Serialize)]
struct Opened {
    document: DocumentView,
    #[serde(skip_serializing_if = "Option::is_none")]
    download: Option<SignedUrlView>,
}

pub(crate) async fn open(app: &App, request: &ApiRequest, caller: &Caller) -> Result<ApiResponse, Problem> {
    let id: DocumentId = request.path("document_id")?;
    let session = app.tenancy.open::<Data>(caller.tenant()).await?;
    let document = documents::find(&session, id, &app.clock).await?;
    let permit: Permit<Document, AccessDocument> = access::to_document(&session, caller, document).await?;
    let permit = content::settled(&session, permit, &app.clock).await?;
    let download = if permit.subject().is_available() {
        Some(content::download_url(&session, &permit, &app.clock).await?.into())
    } else {
        None
    };
    let document = permit.subject();
    let answer = Opened { document: DocumentView::of(document), download };
    Ok(ApiResponse::json(200, &answer).header("ETag", document.etag()))
}
