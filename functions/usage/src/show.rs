//! `GET /usage?from&to&limit&cursor`: what the caller's tenant used, hour by hour, and what of it is billed.

use serde::Serialize;
use shared::{
    access,
    http::{ApiRequest, ApiResponse},
    metering::{Hour, statement::Hours},
    problem::Problem,
    statement,
    tenancy::{Usage, caller::Caller},
    wire::UsageView,
};

use crate::App;

#[derive(Serialize)]
struct Shown {
    usage: Vec<UsageView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(crate) async fn show(app: &App, request: &ApiRequest, caller: &Caller) -> Result<ApiResponse, Problem> {
    let asked = Hours::new(hour(request, "from")?, hour(request, "to")?)?;
    let page = request.page()?;
    let session = app.tenancy.open::<Usage>(caller.tenant()).await?;
    let permit = access::to_collection(&session, caller).await?;
    let page =
        statement::page(&session, &permit, &app.dimensions, asked, caller.user(), page, &app.clock).await?;
    let usage = page.lines.iter().map(UsageView::of).collect();
    Ok(ApiResponse::json(200, &Shown { usage, next_cursor: page.next_cursor }))
}

fn hour(request: &ApiRequest, name: &str) -> Result<Hour, Problem> {
    let invalid = || Problem::invalid(format!("`{name}` is not an hour such as 2026-11-22T10, in UTC"));
    request.query(name)?.and_then(|text| text.parse().ok()).ok_or_else(invalid)
}
