//! `GET /users?limit&cursor`: the users of the caller's tenant.

use serde::Serialize;
use shared::{
    access,
    http::{ApiRequest, ApiResponse},
    problem::Problem,
    tenancy::{Data, Directory, caller::Caller},
    users,
    wire::UserView,
};

use crate::App;

#[derive(Serialize)]
struct Listed {
    users: Vec<UserView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(crate) async fn list(app: &App, request: &ApiRequest, caller: &Caller) -> Result<ApiResponse, Problem> {
    let page = request.page()?;
    let session = app.tenancy.open::<Data>(caller.tenant()).await?;
    let permit = access::to_collection(&session, caller).await?;
    let directory = app.tenancy.open::<Directory>(caller.tenant()).await?;
    let page = users::list(&directory, &permit, &app.pool, caller.user(), page, &app.clock).await?;
    let users = page.users.iter().map(UserView::of).collect();
    Ok(ApiResponse::json(200, &Listed { users, next_cursor: page.next_cursor }))
}
