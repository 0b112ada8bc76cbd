//! `GET /signup/registrations/{registration}`: how far it is. The page looks again by itself, without script.
//! `POST` gives another address for the administrator, when the first one was refused, or has the invitation mailed
//! again, to the address that was taken.
//!
//! The address holds a random key, and whoever has it may look. The page shows neither the company nor anybody's
//! e-mail address: it may be a colleague who looks.

use std::{cmp::Ordering, time::Duration};

use askama::Template;
use shared::{
    ids::TenantId,
    onboarding::{Order, Progress, Record, Step, Why},
    signup::form::Form,
    subscriptions::Kind,
    users::Email,
};

use crate::{
    App,
    failure::Failure,
    page::{Answer, Frame},
    register::WRONG_EMAIL,
    request::BrowserRequest,
};

/// The last part of a registration's address: `TENANT.KEY`; `None` once the tenant is erased.
pub(crate) fn path(record: &Record) -> Option<String> {
    let registrant = record.registrant.as_ref()?;
    Some(format!("{}.{}", record.tenant, registrant.progress_key.reveal()))
}

pub(crate) async fn follow(app: &App, request: &BrowserRequest) -> Result<Answer, Failure> {
    let record = find(app, request).await?;
    let is_in_use = is_in_use(app, &record).await?;
    page(app, &record, is_in_use, None)
}

/// Ready is what onboarding can say; whether the Marketplace lets the subscription be used is another matter. And nobody
/// is sent to sign in before the tenant's sessions can know.
async fn is_in_use(app: &App, record: &Record) -> Result<bool, Failure> {
    if record.progress != Progress::Ready {
        return Ok(false);
    }
    let Some(found) = app.subscriptions.home(&record.license).await? else { return Ok(false) };
    Failure::if_over(found.state.kind)?;
    Ok(found.state.kind == Kind::Active && found.is_settled)
}

pub(crate) async fn correct(app: &App, request: &BrowserRequest) -> Result<Answer, Failure> {
    let record = find(app, request).await?;
    let body = request.form()?;
    let form = Form::parse(&body)?;
    if form.value("again") == "1" {
        if is_in_use(app, &record).await? {
            app.onboardings.invite_again(&record, app.clock.now()).await?;
        }
        // Whether or not it was time for one: the page tells.
        return Ok(Answer::see_other(request.path("registration")));
    }
    let typed = form.value("email");
    let Ok(email) = typed.trim().parse::<Email>() else {
        return page(app, &record, false, Some(typed));
    };
    if app.onboardings.change_admin(record.tenant, &email, app.clock.now()).await? {
        app.onboardings.enqueue(&Order::Open { tenant_id: record.tenant }).await?;
    }
    // Also when it was not asked for any more: the page tells how it stands.
    Ok(Answer::see_other(request.path("registration")))
}

/// The registration that the address leads to; one that is absent and one with another key look the same.
async fn find(app: &App, request: &BrowserRequest) -> Result<Record, Failure> {
    let (tenant, key) = request.path("registration").split_once('.').ok_or(Failure::NoSuchPage)?;
    let tenant: TenantId = tenant.parse().map_err(|_| Failure::NoSuchPage)?;
    match app.onboardings.get(tenant).await? {
        Some(record) if record.is_shown_to(key) => Ok(record),
        _ => Err(Failure::NoSuchPage),
    }
}

fn page(app: &App, record: &Record, is_in_use: bool, typed: Option<&str>) -> Result<Answer, Failure> {
    let now = app.clock.now();
    let waited = now.duration_since(record.changed_at).unwrap_or(Duration::ZERO);
    let mut page = ProgressPage::of(&app.frame, record.tenant, to_show(record), is_in_use, waited, typed)?;
    page.may_invite_again = record.may_invite_again(now);
    Ok(app.frame.page(if typed.is_some() { 422 } else { 200 }, &page))
}

/// What is refused or not found may just not have been seen yet by a service that was told of it a moment ago: only
/// after so many tries is it said that this takes a person.
const TRIES_BEFORE_A_PERSON: u64 = 5;

/// How far it is, for the buyer.
fn to_show(record: &Record) -> Progress {
    let tries = record.failure.map_or(0, |failure| failure.tries);
    shown_after(tries, record.progress)
}

const fn shown_after(tries: u64, progress: Progress) -> Progress {
    match progress {
        Progress::Failed { step, why: Why::Refused | Why::Unexpected } if tries < TRIES_BEFORE_A_PERSON => {
            Progress::Working(step)
        }
        progress => progress,
    }
}

#[derive(Template)]
#[template(path = "progress.html")]
struct ProgressPage<'a> {
    frame: &'a Frame,
    title: &'static str,
    lead: String,
    refresh_s: Option<u64>,
    stages: Vec<Line>,
    form: Option<Correction<'a>>,
    is_ready: bool,
    /// Whether the invitation may be mailed again; looked at when it is ready.
    may_invite_again: bool,
    reference: Option<String>,
}

struct Correction<'a> {
    email: &'a str,
    wrong: Option<&'static str>,
}

struct Line {
    title: &'static str,
    is: Is,
}

/// What a buyer needs to know of the steps: which of them prepare the same thing is nobody's concern.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Prepare,
    Subscription,
    Invite,
    Check,
    Open,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Prepare, Self::Subscription, Self::Invite, Self::Check, Self::Open];

    const fn of(step: Step) -> Self {
        match step {
            Step::Store | Step::Alias | Step::Schema | Step::Policies | Step::Mapping => Self::Prepare,
            Step::Subscription => Self::Subscription,
            Step::Administrator => Self::Invite,
            Step::Probes => Self::Check,
            Step::Open => Self::Open,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Prepare => "Preparing your own space",
            Self::Subscription => "Connecting your subscription",
            Self::Invite => "Inviting your administrator",
            Self::Check => "Keeping everybody else out",
            Self::Open => "Opening your account",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Done,
    Now,
    Stuck,
    ToDo,
}

impl Is {
    const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "now",
            Self::Stuck => "stuck",
            Self::ToDo => "to-do",
        }
    }

    const fn spoken(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "under way",
            Self::Stuck => "stopped",
            Self::ToDo => "still to come",
        }
    }

    const fn is_now(self) -> bool {
        matches!(self, Self::Now | Self::Stuck)
    }
}

/// The stages, with all before that of `at` done.
fn stages(at: Step, is: Is) -> Vec<Line> {
    let at = Stage::of(at);
    let line = |stage: Stage| Line {
        title: stage.title(),
        is: match stage.cmp(&at) {
            Ordering::Less => Is::Done,
            Ordering::Equal => is,
            Ordering::Greater => Is::ToDo,
        },
    };
    Stage::ALL.into_iter().map(line).collect()
}

/// Often while it can be a matter of seconds, and seldom when it is not any more.
const fn refresh_s(waited: Duration) -> u64 {
    match waited.as_secs() {
        0..120 => 3,
        120..1800 => 10,
        _ => 60,
    }
}

const UNDER_WAY: &str = "Your account is being set up";

impl<'a> ProgressPage<'a> {
    fn of(
        frame: &'a Frame,
        tenant: TenantId,
        progress: Progress,
        is_in_use: bool,
        waited: Duration,
        typed: Option<&'a str>,
    ) -> Result<Self, Failure> {
        let page = Self {
            frame,
            title: UNDER_WAY,
            lead: "It has its place in the queue. This rarely takes longer than a minute.".to_owned(),
            refresh_s: Some(refresh_s(waited)),
            stages: stages(Step::Store, Is::Now),
            form: None,
            is_ready: false,
            may_invite_again: false,
            reference: None,
        };
        let reference = Some(tenant.to_string());
        Ok(match progress {
            Progress::Waiting => page,
            Progress::Working(step) => Self { lead: working(step), stages: stages(step, Is::Now), ..page },
            Progress::Failed { why, .. } if why.needs_another_address() => Self {
                title: "We need another e-mail address",
                lead: why.sentence().to_owned(),
                refresh_s: None,
                stages: Vec::new(),
                reference,
                form: Some(Correction {
                    email: typed.unwrap_or_default(),
                    wrong: typed.map(|_| WRONG_EMAIL),
                }),
                ..page
            },
            Progress::Failed { step, why: why @ (Why::Busy | Why::Unavailable) } => {
                let stages = stages(step, Is::Now);
                Self { lead: why.sentence().to_owned(), stages, reference, ..page }
            }
            Progress::Failed { step, why } => Self {
                title: "Setting up has stopped",
                lead: why.sentence().to_owned(),
                refresh_s: Some(60),
                stages: stages(step, Is::Stuck),
                reference,
                ..page
            },
            Progress::Ready if is_in_use => Self {
                title: "Your account is ready",
                lead: "Everything is in place, and the invitation is on its way.".to_owned(),
                refresh_s: None,
                stages: Vec::new(),
                is_ready: true,
                ..page
            },
            Progress::Ready => Self {
                title: "Your account is nearly ready",
                lead:
                    "Everything is in place. AWS Marketplace has still to tell us that the subscription has \
                       begun, which takes it a minute or two."
                        .to_owned(),
                stages: Vec::new(),
                ..page
            },
            Progress::Closing | Progress::Closed => return Err(Failure::Closed),
        })
    }
}

fn working(step: Step) -> String {
    let stage = Stage::of(step);
    let at = Stage::ALL.iter().position(|known| *known == stage).map_or(0, |at| at + 1);
    format!("Step {at} of {}. This rarely takes longer than a minute.", Stage::ALL.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::tests::{content, frame};

    fn shown(progress: Progress, is_in_use: bool, typed: Option<&str>) -> Result<String, Failure> {
        let tenant = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let frame = frame();
        let page = ProgressPage::of(&frame, tenant, progress, is_in_use, Duration::ZERO, typed)?;
        Ok(page.render().unwrap())
    }

    fn looks_again(page: &str) -> bool {
        page.contains("http-equiv=\"refresh\"")
    }

    #[test]
    fn what_is_under_way_looks_again_by_itself_and_says_how_far_it_is() {
        let waiting = shown(Progress::Waiting, false, None).unwrap();
        assert!(looks_again(&waiting) && !content(&waiting).contains("data-is=\"done\""));
        for step in Step::ALL {
            let page = shown(Progress::Working(step), false, None).unwrap();
            let before = Stage::ALL.into_iter().filter(|stage| *stage < Stage::of(step)).count();
            assert!(looks_again(&page));
            assert_eq!(content(&page).matches("data-is=\"done\"").count(), before, "{step:?}");
            assert_eq!(page.matches("aria-current=\"step\"").count(), 1, "{step:?}");
            assert!(page.contains(&format!("Step {} of 5", before + 1)), "{step:?}");
        }
        assert!(refresh_s(Duration::from_secs(119)) < refresh_s(Duration::from_secs(121)));
        assert!(refresh_s(Duration::from_secs(1799)) < refresh_s(Duration::from_secs(1801)));
    }

    #[test]
    fn what_failed_says_why_and_asks_for_an_address_only_when_that_helps() {
        for why in Why::ALL {
            let page = shown(Progress::Failed { step: Step::Administrator, why }, false, None).unwrap();
            assert!(page.contains(why.sentence()), "{why:?}");
            assert_eq!(page.contains("name=\"email\""), why.needs_another_address(), "{why:?}");
            assert_eq!(looks_again(&page), !why.needs_another_address(), "{why:?}: nobody's typing is lost");
            assert!(page.contains("0123456789abcdef0123456789abcdef"), "{why:?}: what to name to us");
        }
        let refused = Progress::Failed { step: Step::Administrator, why: Why::AddressTaken };
        let page = shown(refused, false, Some("\"><script>alert(1)</script>")).unwrap();
        assert!(page.contains(WRONG_EMAIL) && !page.contains("<script"), "{page}");
        assert!(content(&page).contains("aria-invalid=\"true\""));
    }

    #[test]
    fn a_person_is_called_only_when_some_tries_have_not_helped() {
        for why in Why::ALL {
            let failed = Progress::Failed { step: Step::Schema, why };
            assert_eq!(shown_after(TRIES_BEFORE_A_PERSON, failed), failed, "{why:?}");
            let may_pass = matches!(why, Why::Refused | Why::Unexpected);
            let expected = if may_pass { Progress::Working(Step::Schema) } else { failed };
            assert_eq!(shown_after(TRIES_BEFORE_A_PERSON - 1, failed), expected, "{why:?}");
        }
    }

    #[test]
    fn ready_is_said_when_users_can_work() {
        let page = shown(Progress::Ready, true, None).unwrap();
        assert!(
            page.contains("Your account is ready") && page.contains("https://app.vendor.example/sign-in")
        );
        assert!(!looks_again(&page));
        assert!(!page.contains("name=\"again\"") && page.contains("within the last ten minutes"));
        let (tenant, frame) = ("0123456789abcdef0123456789abcdef".parse().unwrap(), frame());
        let mut later =
            ProgressPage::of(&frame, tenant, Progress::Ready, true, Duration::ZERO, None).unwrap();
        later.may_invite_again = true;
        let later = later.render().unwrap();
        assert!(later.contains("name=\"again\" value=\"1\"") && !later.contains("name=\"email\""));
        let page = shown(Progress::Ready, false, None).unwrap();
        assert!(!page.contains("name=\"again\""), "nobody can sign in yet");
        assert!(page.contains("nearly ready") && looks_again(&page), "the Marketplace has still to say so");
        for progress in [Progress::Closing, Progress::Closed] {
            assert!(matches!(shown(progress, false, None), Err(Failure::Closed)));
        }
    }
}
