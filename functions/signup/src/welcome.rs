//! `GET /signup`: for whoever comes by another way than the Marketplace's.

use askama::Template;

use crate::{
    App,
    page::{Answer, Frame},
};

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage<'a> {
    frame: &'a Frame,
}

pub(crate) fn welcome(app: &App) -> Answer {
    app.frame.page(200, &WelcomePage { frame: &app.frame })
}
