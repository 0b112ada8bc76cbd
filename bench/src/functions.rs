//! The built functions: where they are, what they are given, and a stub that they find AWS in.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use hyper::body::Bytes;

use crate::{
    callgrind::CountError,
    process::{self, Process, ProcessError, Program},
    routes::{self, EventError, Route},
    stub::{Delays, Stub, StubError},
};

/// Something could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// A process did not do what it should.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Instructions could not be counted.
    #[error(transparent)]
    Count(#[from] CountError),
    /// The stub could not be started.
    #[error("the stub of AWS could not be started")]
    Stub(#[from] StubError),
    /// An event could not be had.
    #[error(transparent)]
    Event(#[from] EventError),
    /// A function asked for something that the stub does not know.
    #[error("{route} asks for what the stub has no answer to: {calls}")]
    Unknown {
        /// Which route.
        route: String,
        /// What was asked for.
        calls: String,
    },
    /// A file could not be read or written.
    #[error("{path} cannot be used")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something that is to be measured is not there.
    #[error("{0}")]
    Missing(String),
}

impl MeasureError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { path, source }
    }
}

/// Something that can be started and asked: a function, a floor or a peer.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// Its name in the report.
    pub(crate) name: String,
    /// Program and arguments.
    pub(crate) command: Vec<String>,
    /// What it finds in its environment beside what all find.
    pub(crate) environment: Vec<(String, String)>,
}

impl Subject {
    /// The function `name` whose `bootstrap` is at `path`.
    pub(crate) fn function(name: &str, path: &Path) -> Self {
        Self { name: name.to_owned(), command: vec![path.display().to_string()], environment: Vec::new() }
    }

    /// Its program file.
    pub(crate) fn file(&self) -> PathBuf {
        self.command.last().map(PathBuf::from).unwrap_or_default()
    }
}

/// A subject, a route and a stub of its own.
pub(crate) struct Bench<'a> {
    /// The route.
    pub(crate) route: &'a Route,
    /// What it finds in AWS's place.
    pub(crate) stub: Stub,
    /// How to start it.
    pub(crate) program: Program,
    event: Bytes,
}

impl<'a> Bench<'a> {
    /// `scratch` is a folder for what is left behind.
    pub(crate) async fn of(
        subject: &Subject,
        route: &'a Route,
        delays: &Delays,
        scratch: &Path,
    ) -> Result<Self, MeasureError> {
        let stub = Stub::start(route.world, delays).await?;
        let plain: String = format!("{}-{}", subject.name, route.name)
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        fs::create_dir_all(scratch).map_err(MeasureError::file(scratch))?;
        let root = scratch.join(format!("{plain}.pem"));
        fs::write(&root, stub.root()).map_err(MeasureError::file(&root))?;
        let mut environment = routes::environment();
        environment.extend(stub.variables());
        environment.push(("AWS_CA_BUNDLE".to_owned(), root.display().to_string()));
        environment.push(("NODE_EXTRA_CA_CERTS".to_owned(), root.display().to_string()));
        environment.push(("CLOCK_OFFSET_S".to_owned(), routes::clock_offset_s().to_string()));
        environment.push(("ROUTE".to_owned(), route.name.to_owned()));
        environment.extend(subject.environment.iter().cloned());
        let program = Program {
            command: subject.command.clone(),
            environment,
            log: scratch.join(format!("{plain}.log")),
        };
        Ok(Self { route, stub, program, event: process::bytes(&route.event) })
    }

    /// Starts the subject; how long it took.
    pub(crate) async fn start(&self) -> Result<(Process, std::time::Duration), MeasureError> {
        Ok(Process::start(&self.program).await?)
    }

    /// Puts the route's event to it.
    pub(crate) async fn invoke(&self, process: &mut Process) -> Result<process::Invocation, MeasureError> {
        tokio::time::sleep(self.route.pause).await;
        Ok(process.invoke(&self.event, self.route.answer).await?)
    }

    /// Instructions from the start to the poll after so many events.
    pub(crate) async fn instructions(&self, invocations: u32) -> Result<u64, MeasureError> {
        Ok(crate::callgrind::count(&self.program, &self.event, self.route.answer, invocations).await?)
    }

    /// What the stub has heard since it was asked last; that it had an answer to all of it.
    pub(crate) fn heard(&self) -> Result<crate::stub::Heard, MeasureError> {
        let heard = self.stub.heard();
        if heard.unknown.is_empty() {
            Ok(heard)
        } else {
            Err(MeasureError::Unknown { route: self.route.name.to_owned(), calls: heard.unknown.join(", ") })
        }
    }
}
