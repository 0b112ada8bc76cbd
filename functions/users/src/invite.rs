//! `POST /users`: invites the owner of an address into the caller's tenant; whoever has not signed in since, again.

use serde::{Deserialize, Serialize};
use shared::{
    access,
    http::{ApiRequest, ApiResponse},
    problem::Problem,
    tenancy::{Data, Directory, caller::Caller},
    users::{self, Email, Invitation, UserRole},
    wire::UserView,
};

use crate::App;

/// Whose tenant it is stands in the token, and nowhere else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InviteBody {
    email: String,
    role: String,
}

#[derive(Serialize)]
struct Invited {
    user: UserView,
}

pub(crate) async fn invite(app: &App, request: &ApiRequest, caller: &Caller) -> Result<ApiResponse, Problem> {
    let InviteBody { email, role } = request.body()?;
    let email: Email = email.parse()?;
    let role =
        UserRole::parse(&role).ok_or_else(|| Problem::invalid("`role` is neither `admin` nor `member`"))?;
    let session = app.tenancy.open::<Data>(caller.tenant()).await?;
    let permit = access::to_collection(&session, caller).await?;
    let directory = app.tenancy.open::<Directory>(caller.tenant()).await?;
    let invitation =
        users::invite(&directory, &permit, &app.pool, email, role, caller.user(), &app.clock).await?;
    Ok(match invitation {
        Invitation::New(user) => {
            let location = request.location_of(&user.id.to_string());
            ApiResponse::json(201, &Invited { user: UserView::of(&user) }).header("Location", location)
        }
        Invitation::Again(user) => ApiResponse::json(200, &Invited { user: UserView::of(&user) }),
    })
}
