//! `DELETE /users/{user_id}`: out at once; what the user leaves is settled in its own time.

use shared::{
    access,
    http::{ApiRequest, ApiResponse},
    ids::UserId,
    problem::Problem,
    tenancy::{Data, Directory, caller::Caller},
    users,
};

use crate::App;

pub(crate) async fn remove(app: &App, request: &ApiRequest, caller: &Caller) -> Result<ApiResponse, Problem> {
    let id: UserId = request.path("user_id")?;
    let session = app.tenancy.open::<Data>(caller.tenant()).await?;
    let permit = access::to_collection(&session, caller).await?;
    let directory = app.tenancy.open::<Directory>(caller.tenant()).await?;
    users::remove(&directory, &permit, &app.pool, id, caller.user(), &app.clock).await?;
    Ok(ApiResponse::no_content())
}
