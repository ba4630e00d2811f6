//! The server side: several servers behind a load balancer, asked again and again while one of them dies and comes back.

use std::error::Error;
use std::time::Duration;

use netprobe::lab::{Balancer, Policy};
use netprobe::render::{Chapter, Telling, Timeline};
use netprobe::{Clock, Lab, Phase, Report, Session, Span, Step};
use serde_json::{Value, json};

use crate::arguments::Balance;

const SERVERS: usize = 3;

/// Requests with all servers, without one of them, and with all again.
const REQUESTS: usize = 3;

/// The server that dies.
const VICTIM: usize = 1;

/// How often the balancer's opinion is looked at while the example waits for a server to be back.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// The balancer, and what its servers answered.
pub(crate) struct ServerSide {
    pub(crate) url: String,
    policy: Balance,
    balancer: Balancer,
    happened: Vec<Happened>,
}

/// A request and who answered it, or something that was done to a server.
struct Happened {
    step: Step,
    answered_by: Option<String>,
}

impl ServerSide {
    pub(crate) fn start(lab: &Lab, path: &str, policy: Balance) -> Result<Self, Box<dyn Error>> {
        let policies = match policy {
            Balance::RoundRobin => Policy::RoundRobin,
            Balance::LeastConnections => Policy::LeastConnections,
        };
        let balancer = lab.balancer(SERVERS, policies)?;
        Ok(Self { url: lab.balanced_url(&balancer, path), policy, balancer, happened: Vec::new() })
    }

    /// Every request is to succeed, whoever is there to answer it.
    pub(crate) async fn ask(&mut self, session: &Session, clock: &Clock) -> Result<(), Box<dyn Error>> {
        self.requests(session, clock).await;
        let ((), span) = clock.measure(self.balancer.take_down(VICTIM)).await;
        self.done(span, "dies, and nobody tells the balancer");
        self.requests(session, clock).await;
        let start_ns = clock.now_ns();
        self.balancer.bring_up(VICTIM)?;
        while self.balancer.healthy().contains(&false) {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        self.done(Span::new(start_ns, clock.now_ns() - start_ns, 0), "is back, and a health check has noticed");
        self.requests(session, clock).await;
        Ok(())
    }

    async fn requests(&mut self, session: &Session, clock: &Clock) {
        for _ in 0..REQUESTS {
            let report = session.run_on(clock, &self.url).await;
            self.happened.push(Happened::from(&report));
        }
    }

    fn done(&mut self, span: Span, what: &str) {
        let step = Step::new(Phase::Wait, format!("web-{} {what}", VICTIM + 1), span, None);
        self.happened.push(Happened { step, answered_by: None });
    }

    /// Adds a chapter with a bar for each request.
    pub(crate) fn add_to(&self, timeline: &mut Timeline, clock: &Clock) {
        let policy = match self.policy {
            Balance::RoundRobin => "in turns",
            Balance::LeastConnections => "to the one with the fewest connections",
        };
        let telling = |step: &Step| Telling {
            phase: Phase::Wait,
            what: step.error.as_ref().map_or_else(|| step.label.clone(), netprobe::Error::with_causes),
            why: "servers die; a balancer gives each connection to one that lives",
            details: Vec::new(),
            failed: step.error.is_some(),
        };
        let steps: Vec<Step> = self.happened.iter().map(|happened| happened.step.clone()).collect();
        if let Some(error) = steps.iter().find_map(|step| step.error.as_ref()) {
            timeline.failure.get_or_insert_with(|| error.with_causes());
        }
        let chapter = Chapter {
            title: format!("the server side: {SERVERS} servers behind a load balancer, connections {policy}"),
            story: steps.iter().map(telling).collect(),
            steps,
            headers: Vec::new(),
        };
        let busy_ns = self.happened.iter().map(|happened| happened.step.span.cpu_ns).sum();
        crate::go_on(timeline, chapter, busy_ns, clock);
    }

    pub(crate) fn to_json(&self) -> Value {
        let happened = |happened: &Happened| json!({ "step": happened.step, "answered_by": happened.answered_by });
        let policy = match self.policy {
            Balance::RoundRobin => "round_robin",
            Balance::LeastConnections => "least_connections",
        };
        let requests: Vec<Value> = self.happened.iter().map(happened).collect();
        json!({ "servers": SERVERS, "policy": policy, "requests": requests })
    }
}

impl From<&Report> for Happened {
    fn from(report: &Report) -> Self {
        let answer = report.answer();
        let answered_by = answer.and_then(|answer| answer.header("x-served-by")).map(str::to_owned);
        let status = answer.and_then(|answer| answer.status).map(|status| status.to_string()).unwrap_or_default();
        let label = format!("{} answers {status}", answered_by.as_deref().unwrap_or("nobody"));
        Self { step: Step::new(Phase::Wait, label, report.total, report.error.clone()), answered_by }
    }
}
