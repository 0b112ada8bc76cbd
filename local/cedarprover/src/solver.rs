//! The solver, and the questions that it is asked. It is tried before it is believed: many claims are settled without it,
//! so a solver that is missing, or that says yes to everything, would otherwise go unnoticed.

use std::{io, process::Stdio, time::Duration};

use cedar_policy::{Authorizer, Decision, Policy, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::{
    CedarSymCompiler, CompiledPolicy, CompiledPolicySet, Env,
    err::{Error, SolverError},
    solver::{self, DecisionWithModel, LocalSolver, Solver},
};
use tokio::process::Command;

use crate::{
    case::{Case, Outcome},
    policies::PoliciesError,
};

/// How long one question may take; the longest takes a fifth of a second.
const QUESTION_MAX: Duration = Duration::from_secs(60);
/// The same for the solver itself, which then says that it does not know.
const SOLVER_MAX: &str = "--tlimit-per=30000";

/// A solver that has shown that it is one.
pub struct Prover {
    compiler: CedarSymCompiler<Counted>,
    questions: u64,
}

/// A request that one set of policies allows and another does not.
pub(crate) struct Beyond {
    case: Case,
    denied_by: Vec<String>,
}

impl Beyond {
    /// Told of the set that allows it.
    pub(crate) fn allowed(self) -> Case {
        self.case
    }

    /// Told of the set that does not.
    pub(crate) fn denied(self) -> Case {
        self.case.with(Outcome::Denied(self.denied_by))
    }
}

/// Why nothing was proved.
#[derive(Debug, thiserror::Error)]
pub enum ProverError {
    /// There is no such program.
    #[error(
        "the policies are proved with cvc5, and there is no `{program}` here: `apt install cvc5` brings it on Debian and \
         Ubuntu, https://github.com/cvc5/cvc5/releases elsewhere, and CVC5 names one that is not on the PATH"
    )]
    Missing {
        /// What was to be started.
        program: String,
    },
    /// It cannot be started.
    #[error("the solver `{program}` cannot be started")]
    Start {
        /// What was to be started.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It does not see what is known beforehand.
    #[error("the solver cannot be believed: {0}")]
    Unbelievable(&'static str),
    /// It says that the Cedar engine decides otherwise than the engine does.
    #[error("the solver found a case that the Cedar engine decides otherwise: {0}")]
    Unreal(Box<Case>),
    /// A question was not answered in time.
    #[error("a question to the solver took longer than {QUESTION_MAX:?}")]
    Late,
    /// Policies cannot be compared that speak of different things by one name.
    #[error("the released policies do not fit the schema any more, nor these the released one: {0}")]
    Misfit(String),
    /// A question cannot be put together.
    #[error("the policies cannot be asked about")]
    Policies(#[from] PoliciesError),
    /// A question cannot be asked, or was not answered.
    #[error("a question to the solver was not answered")]
    Question(#[source] Box<Error>),
}

impl Prover {
    /// Starts the solver that CVC5 names, or the one on the PATH, and tries it.
    ///
    /// # Errors
    /// There is none, or none that can be believed.
    pub async fn start() -> Result<Self, ProverError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "which solver there is on a machine is its owner's to say"
        )]
        let program = std::env::var("CVC5").unwrap_or_else(|_| "cvc5".to_owned());
        Self::with(&program).await
    }

    /// As [`Self::start`], with this program.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn with(program: &str) -> Result<Self, ProverError> {
        let mut command = Command::new(program);
        command.args(["--lang", "smt", SOLVER_MAX]).stderr(Stdio::null()).kill_on_drop(true);
        let solver = LocalSolver::from_command(&mut command).map_err(|error| {
            let program = program.to_owned();
            match error {
                SolverError::Io(source) if source.kind() == io::ErrorKind::NotFound => {
                    ProverError::Missing { program }
                }
                SolverError::Io(source) => ProverError::Start { program, source },
                error => ProverError::Question(Box::new(error.into())),
            }
        })?;
        let compiler = CedarSymCompiler::new(Counted { solver, asked: 0 })
            .map_err(|e| ProverError::Question(Box::new(e)))?;
        let mut prover = Self { compiler, questions: 0 };
        prover.try_it().await?;
        Ok(prover)
    }

    /// How many questions were put so far, and how many of them needed the solver.
    pub fn questions(&self) -> (u64, u64) {
        (self.questions, self.compiler.solver().asked)
    }

    /// A request that one set of policies allows and another does not; `None` if there cannot be any.
    pub(crate) async fn beyond(
        &mut self,
        schema: &Schema,
        env: &RequestEnv,
        one: &PolicySet,
        other: &PolicySet,
    ) -> Result<Option<Beyond>, ProverError> {
        let compiled = |set| CompiledPolicySet::compile(set, env, schema).map_err(question);
        let (left, right) = (compiled(one)?, compiled(other)?);
        self.questions += 1;
        let asked = self.compiler.check_implies_with_counterexample_opt(&left, &right);
        let Some(found) = in_time(asked).await? else { return Ok(None) };
        let by_one = Authorizer::new().is_authorized(&found.request, one, &found.entities);
        let by_other = Authorizer::new().is_authorized(&found.request, other, &found.entities);
        if (by_one.decision(), by_other.decision()) != (Decision::Allow, Decision::Deny) {
            return Err(ProverError::Unreal(Box::new(Case::of(&found, Outcome::Allowed(Vec::new())))));
        }
        let ids = |response: cedar_policy::Response| {
            let mut ids: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
            ids.sort();
            ids
        };
        Ok(Some(Beyond { case: Case::of(&found, Outcome::Allowed(ids(by_one))), denied_by: ids(by_other) }))
    }

    /// A request at which a policy errs; `None` if there cannot be any.
    pub(crate) async fn error(
        &mut self,
        schema: &Schema,
        env: &RequestEnv,
        policy: &Policy,
    ) -> Result<Option<Case>, ProverError> {
        let compiled = CompiledPolicy::compile(policy, env, schema).map_err(question)?;
        self.questions += 1;
        let asked = self.compiler.check_never_errors_with_counterexample_opt(&compiled);
        let Some(found) = in_time(asked).await? else { return Ok(None) };
        let case = Case::of(&found, Outcome::Errs(policy.id().to_string()));
        let alone = PolicySet::from_policies([policy.clone()]);
        let errs = alone.is_ok_and(|alone| {
            let response = Authorizer::new().is_authorized(&found.request, &alone, &found.entities);
            response.diagnostics().errors().next().is_some()
        });
        if errs { Ok(Some(case)) } else { Err(ProverError::Unreal(Box::new(case))) }
    }

    /// Two claims that only a solver can settle: one holds, the other does not.
    async fn try_it(&mut self) -> Result<(), ProverError> {
        let canary = Canary::new().ok_or(ProverError::Unbelievable("the trial itself cannot be read"))?;
        let (schema, env) = (&canary.schema, &canary.env);
        if self.beyond(schema, env, &canary.owner_or_admin, &canary.unless_neither).await?.is_some() {
            return Err(ProverError::Unbelievable("it refuted a claim that holds"));
        }
        let refuted = self.beyond(schema, env, &canary.owner_or_admin, &canary.owner).await?;
        if refuted.is_none() {
            return Err(ProverError::Unbelievable("it took a false claim for true"));
        }
        match self.questions() {
            (2, 2) => Ok(()),
            _ => Err(ProverError::Unbelievable("it was not asked")),
        }
    }
}

/// Claims whose truth is known, about policies of nobody's.
struct Canary {
    schema: Schema,
    env: RequestEnv,
    owner_or_admin: PolicySet,
    /// The same, said the other way round.
    unless_neither: PolicySet,
    owner: PolicySet,
}

impl Canary {
    fn new() -> Option<Self> {
        let schema = "entity Group; entity User in [Group]; entity Paper { owner: User }; \
                      action open appliesTo { principal: User, resource: Paper };";
        let (schema, _) = Schema::from_cedarschema_str(schema).ok()?;
        let env = schema.request_envs().next()?;
        let admin = r#"principal in Group::"ADMINS""#;
        let owner = "permit (principal, action, resource) when { resource.owner == principal };";
        let either = format!("{owner} permit ({admin}, action, resource);");
        let unless = format!(
            "permit (principal, action, resource); \
             forbid (principal, action, resource) unless {{ {admin} || principal == resource.owner }};"
        );
        Some(Self {
            schema,
            env,
            owner_or_admin: either.parse().ok()?,
            unless_neither: unless.parse().ok()?,
            owner: owner.parse().ok()?,
        })
    }
}

/// Counts what really reaches the solver.
struct Counted {
    solver: LocalSolver,
    asked: u64,
}

impl Solver for Counted {
    fn smtlib_input(&mut self) -> &mut (dyn tokio::io::AsyncWrite + Unpin + Send) {
        self.solver.smtlib_input()
    }

    async fn enable_models(&mut self) -> Result<(), SolverError> {
        self.solver.enable_models().await
    }

    async fn check_sat(&mut self) -> Result<solver::Decision, SolverError> {
        self.asked += 1;
        self.solver.check_sat().await
    }

    async fn check_sat_with_model(&mut self) -> Result<DecisionWithModel, SolverError> {
        self.asked += 1;
        self.solver.check_sat_with_model().await
    }
}

async fn in_time(
    asked: impl Future<Output = Result<Option<Env>, Error>>,
) -> Result<Option<Env>, ProverError> {
    tokio::time::timeout(QUESTION_MAX, asked).await.map_err(|_| ProverError::Late)?.map_err(question)
}

fn question(error: Error) -> ProverError {
    ProverError::Question(Box::new(error))
}
