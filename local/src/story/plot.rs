//! What happens in the story, in order.

use serde_json::json;

use super::{
    Step, StoryError, Teller,
    client::{Answer, Visitor, promise},
    patiently,
};
use crate::account::{Details, Role, User};

/// What Ben keeps in his document.
const CONTENT: &str = "The key to the strongroom is under the third flowerpot.\n";

/// The people of the story.
struct Cast {
    nobody: Visitor,
    admin: Visitor,
    owner: Visitor,
    receiver: Visitor,
    other_admin: Visitor,
    other_user: Visitor,
    receiver_id: String,
    other_user_id: String,
}

/// Plays it; false when it ended early.
pub(super) async fn play(details: &Details, told: &mut dyn FnMut(&Step)) -> Result<bool, StoryError> {
    let mut teller = Teller::new(told);
    let Some(cast) = sign_in(details, &mut teller).await? else { return Ok(false) };
    let Some(document) = add(&cast, &mut teller).await else { return Ok(false) };
    let Some(url) = open(&cast, &mut teller, &document).await else { return Ok(false) };
    refuse(&cast, &mut teller, &document).await;
    share(&cast, &mut teller, &document).await;
    administer(&cast, &mut teller, &document).await;
    take_back(&cast, &mut teller, &document).await;
    delete(&cast, &mut teller, &document, &url).await;
    Ok(true)
}

async fn sign_in(details: &Details, teller: &mut Teller<'_>) -> Result<Option<Cast>, StoryError> {
    let amber = details.tenant("amber").ok_or(StoryError::Cast("tenant `amber`"))?;
    let cobalt = details.tenant("cobalt").ok_or(StoryError::Cast("tenant `cobalt`"))?;
    let of = |tenant: &crate::account::Tenant, role: Role, nth: usize| -> Result<User, StoryError> {
        tenant
            .users
            .iter()
            .filter(|user| user.role == role)
            .nth(nth)
            .cloned()
            .ok_or(StoryError::Cast("such user"))
    };
    let receiver = of(amber, Role::User, 1)?;
    let other_user = of(cobalt, Role::User, 0)?;
    let nobody = Visitor::unknown(details)?;
    let cast = Cast {
        admin: nobody.signed_in(details, &of(amber, Role::Admin, 0)?).await,
        owner: nobody.signed_in(details, &of(amber, Role::User, 0)?).await,
        receiver: nobody.signed_in(details, &receiver).await,
        other_admin: nobody.signed_in(details, &of(cobalt, Role::Admin, 0)?).await,
        other_user: nobody.signed_in(details, &other_user).await,
        receiver_id: receiver.user_id,
        other_user_id: other_user.user_id,
        nobody,
    };
    let everybody = [&cast.admin, &cast.owner, &cast.receiver, &cast.other_admin, &cast.other_user];
    let tokens = everybody.iter().filter(|visitor| visitor.has_token()).count();
    if !teller.step("five users of amber and cobalt sign in", "5 tokens", format!("{tokens} tokens")) {
        return Ok(None);
    }
    let answer = cast.nobody.get("/documents").await;
    teller.step("somebody without a token lists documents", "401 unauthorized", answer.summary());
    Ok(Some(cast))
}

/// Ben adds a document and fills it; its id, once it is there to be opened.
async fn add(cast: &Cast, teller: &mut Teller<'_>) -> Option<String> {
    let promise = promise("Where the key is.txt", CONTENT);
    let added = cast.owner.post("/documents", &promise).await;
    let document = added.text("/document/document_id");
    let got = format!("{} {}", added.summary(), added.text("/document/status"));
    if !teller.step("ben adds a document", "201 pending", got.trim()) {
        return None;
    }
    let answer = cast.receiver.get(&format!("/documents/{document}")).await;
    teller.step("cleo opens it before its content is there", "404 not-found", answer.summary());

    let upload = added.json().get("upload").cloned().unwrap_or_default();
    let wrong = CONTENT.replace("third", "fifth").into_bytes();
    let answer = cast.nobody.upload(&upload, wrong).await;
    teller.step("other content of that length is uploaded", "refused", refused(&answer));
    let answer = cast.nobody.upload(&upload, CONTENT.into()).await;
    if !teller.step("the promised content is uploaded", "200", answer.summary()) {
        return None;
    }
    let path = format!("/documents/{document}");
    let status =
        patiently(async || cast.owner.get(&path).await.text("/document/status"), |s| s == "available").await;
    teller.step("the document becomes available", "available", status).then_some(document)
}

/// Ben lists and opens it; the URL of its content.
async fn open(cast: &Cast, teller: &mut Teller<'_>, document: &str) -> Option<String> {
    // The index behind a list may lag; a read by id never does.
    let listed = patiently(
        async || {
            let list = cast.owner.get("/documents").await;
            if list.text("/documents/0/document_id") == document {
                list.summary()
            } else {
                "missing".to_owned()
            }
        },
        |got| got == "200",
    );
    teller.step("ben lists his documents and finds it first", "200", listed.await);
    let opened = cast.owner.get(&format!("/documents/{document}")).await;
    let url = opened.text("/download/url");
    let got = format!("{}, {}", opened.summary(), content_at(cast, &url).await);
    teller.step("ben opens it and reads it", "200, same content", got).then_some(url)
}

/// Those whom it is not shared with meet nothing.
async fn refuse(cast: &Cast, teller: &mut Teller<'_>, document: &str) {
    let path = format!("/documents/{document}");
    let answer = cast.receiver.get(&path).await;
    teller.step("cleo, of the same tenant, opens it", "404 not-found", answer.summary());
    let answer = cast.receiver.delete(&path).await;
    teller.step("cleo deletes it", "404 not-found", answer.summary());
    let share = json!({ "document_id": document, "user_id": cast.receiver_id });
    let answer = cast.receiver.post("/shares", &share).await;
    teller.step("cleo shares it with herself", "404 not-found", answer.summary());
    for (who, visitor) in
        [("emil, of cobalt,", &cast.other_user), ("dora, cobalt's administrator,", &cast.other_admin)]
    {
        let answer = visitor.get(&path).await;
        teller.step(&format!("{who} opens it"), "404 not-found", answer.summary());
        let answer = visitor.get(&format!("{path}/shares")).await;
        teller.step(&format!("{who} lists its shares"), "404 not-found", answer.summary());
        let answer = visitor.delete(&path).await;
        teller.step(&format!("{who} deletes it"), "404 not-found", answer.summary());
    }
    let share = json!({ "document_id": document, "user_id": cast.other_user_id });
    let answer = cast.other_user.post("/shares", &share).await;
    teller.step("emil shares it with himself", "404 not-found", answer.summary());
    let missing = cast.other_user.get("/documents/00000000-0000-4000-8000-000000000000").await;
    let foreign = cast.other_user.get(&path).await;
    let same = missing.status == foreign.status && missing.body == foreign.body;
    let got = if same { "the same answer" } else { "different answers" };
    teller.step("to emil it looks like a document that never was", "the same answer", got);
}

/// Ben shares it with Cleo, who then reads it.
async fn share(cast: &Cast, teller: &mut Teller<'_>, document: &str) {
    let share = json!({ "document_id": document, "user_id": cast.receiver_id });
    let first = cast.owner.post("/shares", &share).await;
    teller.step("ben shares it with cleo", "201", first.summary());
    let again = cast.owner.post("/shares", &share).await;
    let same =
        if first.json().get("share") == again.json().get("share") { "same share" } else { "another share" };
    teller.step("ben shares it with cleo again", "200, same share", format!("{}, {same}", again.summary()));
    let outside = json!({ "document_id": document, "user_id": cast.other_user_id });
    let answer = cast.owner.post("/shares", &outside).await;
    teller.step("ben shares it with emil of cobalt", "422", answer.status.to_string());
    let opened = cast.receiver.get(&format!("/documents/{document}")).await;
    let got = format!("{}, {}", opened.summary(), content_at(cast, &opened.text("/download/url")).await);
    teller.step("cleo opens it and reads it", "200, same content", got);
    let answer = cast.receiver.delete(&format!("/documents/{document}")).await;
    teller.step("cleo, who may only read it, deletes it", "403 forbidden", answer.summary());
    let shares = cast.owner.get(&format!("/documents/{document}/shares")).await;
    let receivers =
        shares.json().get("shares").and_then(|shares| shares.as_array().cloned()).unwrap_or_default();
    let only_cleo = receivers.len() == 1 && shares.text("/shares/0/user_id") == cast.receiver_id;
    let with = if only_cleo { "cleo".to_owned() } else { format!("{} shares", receivers.len()) };
    teller.step("ben lists whom it is shared with", "200, cleo", format!("{}, {with}", shares.summary()));
}

/// The tenant's administrator may do as Ben may; the other tenant's may still do nothing.
async fn administer(cast: &Cast, teller: &mut Teller<'_>, document: &str) {
    let opened = cast.admin.get(&format!("/documents/{document}")).await;
    let got = format!("{}, {}", opened.summary(), content_at(cast, &opened.text("/download/url")).await);
    teller.step("ada, amber's administrator, opens it and reads it", "200, same content", got);
    let answer = cast.other_admin.get(&format!("/documents/{document}")).await;
    teller.step("dora, cobalt's administrator, still meets nothing", "404 not-found", answer.summary());
}

/// Ben takes the share back.
async fn take_back(cast: &Cast, teller: &mut Teller<'_>, document: &str) {
    let share = format!("/shares/{document}/{}", cast.receiver_id);
    let answer = cast.owner.delete(&share).await;
    teller.step("ben takes the share back", "204", answer.summary());
    let answer = cast.receiver.get(&format!("/documents/{document}")).await;
    teller.step("cleo opens it", "404 not-found", answer.summary());
}

/// Ben deletes it, and nothing of it is left.
async fn delete(cast: &Cast, teller: &mut Teller<'_>, document: &str, url: &str) {
    let answer = cast.owner.delete(&format!("/documents/{document}")).await;
    teller.step("ben deletes it", "204", answer.summary());
    for (who, visitor) in [("ben", &cast.owner), ("ada", &cast.admin), ("cleo", &cast.receiver)] {
        let answer = visitor.get(&format!("/documents/{document}")).await;
        teller.step(&format!("{who} opens it"), "404 not-found", answer.summary());
    }
    let list = cast.owner.get("/documents").await;
    let still = list.text("/documents/0/document_id") == document;
    let got = format!("{}, {}", list.summary(), if still { "still there" } else { "not there" });
    teller.step("ben lists his documents", "200, not there", got);
    // The URL that Ben got above is still good for minutes: what it leads to must not be.
    let content = patiently(async || refused(&cast.nobody.fetch(url).await), |got| got == "refused").await;
    teller.step("the content behind ben's old URL is gone", "refused", content);
}

/// Whether what is at a signed URL is what Ben uploaded.
async fn content_at(cast: &Cast, url: &str) -> &'static str {
    let fetched = cast.nobody.fetch(url).await;
    if fetched.status == 200 && fetched.body == CONTENT.as_bytes() { "same content" } else { "other content" }
}

/// What S3 says to something that it will not do is S3's; that it is a refusal is what matters.
fn refused(answer: &Answer) -> String {
    if (400..500).contains(&answer.status) { "refused".to_owned() } else { answer.summary() }
}
