//! The real services under exactly the accounts of `deploy/nats`, each a process with a login of its own: from a scrape
//! and from a push to the target.

use anyhow::{Context as _, Result, ensure};
use headroom_log::nats::NatsLog;
use headroom_model::Service;
use headroom_tests::{
    e2e::{
        brain::{Brain, EVERY},
        exporter::{Exporter, Trace},
        order_book::OrderBook,
        site::policy,
    },
    servers::{
        accounts::{login, password, server, user},
        nats::Node,
        until,
    },
};
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;

/// What is scaled by a scrape, and what by pushes.
const SCRAPED: &str = "web";
const PUSHED: &str = "jobs";

/// The five services and those who only type commands, each with a folder and a `headroom.yaml` of its own.
struct Shop {
    services: Vec<Brain>,
    operator: Brain,
    pusher: Brain,
    books: [OrderBook; 2],
    exporter: Exporter,
    folder: TempDir,
}

impl Shop {
    async fn open(node: &Node) -> Result<Self> {
        // As deploy/nats says: it connects once, which makes the streams.
        NatsLog::connect(login(node, "admin"), "main", "admin").await?;
        let folder = tempfile::tempdir()?;
        let exporter = Exporter::start(Trace::from(vec![55.0]), 0, Duration::from_secs(1))?;
        let book = |name| OrderBook::open(folder.path(), name, true);
        let books = [book(SCRAPED)?, book(PUSHED)?];
        let settings = |name: &str| {
            let (user, password) = (user(name), password(name));
            let nats = json!({"urls": [node.url()], "user": user, "password": password, "request_timeout_ms": 3000});
            let endpoint = exporter.address().to_string();
            json!({
                "log": {"nats": nats},
                "sources": {"main": {"openmetrics": {"endpoints": [endpoint]}}},
                "targets": books.each_ref().map(OrderBook::settings),
                "actuator": {"watch_ms": 500},
            })
        };
        let seat = |name: &str| {
            let own = folder.path().join(format!("{name}-home"));
            std::fs::create_dir(&own)?;
            Brain::new(&own, &settings(name))
        };
        let start = |service: Service| {
            let mut brain = seat(service.token())?;
            brain.start((service, 'a'))?;
            Ok(brain)
        };
        Ok(Self {
            services: EVERY.into_iter().map(start).collect::<Result<_>>()?,
            operator: seat("operator")?,
            pusher: seat("pusher")?,
            books,
            exporter,
            folder,
        })
    }

    fn apply(&self, name: &str, from: &Value) -> Result<()> {
        let file = self.folder.path().join(format!("{name}.yaml"));
        std::fs::write(&file, policy(name, (1, 20), from).to_string())?;
        let file = file
            .to_str()
            .context("temporary folders have plain names")?;
        self.operator.run(&["apply", "-f", file]).map(drop)
    }

    /// Waits until the newest order of a target, and the last that the operator reads of it, has this count.
    fn wait(&self, book: &OrderBook, count: u32) -> Result<()> {
        until("the target has its count", || {
            let newest = book.orders().ok()?.last().copied()?;
            (newest.count == count).then_some(())
        })?;
        let workload = format!("shop/{}", book.name);
        until("the operator reads of it", || {
            let said = self.operator.run(&["history", &workload]).ok()?;
            said.lines()
                .any(|line| line.contains("actuated") && line.contains(&count.to_string()))
                .then_some(())
        })
    }

    fn work(&mut self) -> Result<()> {
        self.apply(
            SCRAPED,
            &json!({"source": "main", "query": "load", "interval": "500ms"}),
        )?;
        self.apply(PUSHED, &json!({"source": "push"}))?;
        for service in &mut self.services {
            service.wait_ready()?;
        }
        let [scraped, pushed] = &self.books;
        self.wait(scraped, 6)?;
        // By now there are policies in the ledger, and whoever starts reads it.
        for service in &mut self.services {
            for seat in service.seats() {
                service.kill(seat);
                service.start(seat)?;
            }
            service.wait_ready()?;
        }
        self.exporter.hold(90.0);
        self.wait(scraped, 9)?;

        let push = |brain: &Brain, value: &str| brain.run(&["push", "shop/jobs", "load", value]);
        let said = push(&self.pusher, "45")?;
        ensure!(said.contains("shop/jobs load = 45 is event "), "{said}");
        self.wait(pushed, 5)?;
        push(&self.operator, "75")?;
        self.wait(pushed, 8)?;

        let rows = self.operator.run(&["get"])?;
        ensure!(
            rows.contains("shop/web") && rows.contains("shop/jobs"),
            "{rows}"
        );
        let verified = self.operator.run(&["replay", "--verify"])?;
        ensure!(verified.contains(" 0 differences"), "{verified}");
        self.services.iter_mut().try_for_each(Brain::check_alive)
    }

    /// A push that nobody can take says what may be wrong, and does not blame the log.
    fn without_a_collector(&mut self) -> Result<()> {
        for brain in &mut self.services {
            brain.kill((Service::Collector, 'a'));
        }
        let refused = until("nobody takes pushes", || {
            let pushed = self.pusher.run(&["push", "shop/jobs", "load", "5"]);
            pushed
                .err()
                .map(|error| error.to_string())
                .filter(|said| !said.contains("in 8 s"))
        })?;
        ensure!(
            refused.contains("no collector takes pushes on headroom.push.v1.main.shop.jobs"),
            "{refused}"
        );
        Ok(())
    }

    fn tails(&self) -> String {
        self.services.iter().map(Brain::tails).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_the_accounts_of_deploy_scrapes_and_pushes_reach_the_target() -> Result<()> {
    let Some(node) = server()? else {
        return Ok(());
    };
    let mut shop = Shop::open(&node).await?;
    for wanted in [Shop::work, Shop::without_a_collector] {
        wanted(&mut shop).with_context(|| shop.tails())?;
    }
    Ok(())
}
