//! Debian's Chromium without a window, driven over WebDriver (<https://www.w3.org/TR/webdriver2/>).

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use local::marketplace::{Arrival, Bought};
use serde_json::json;
use thirtyfour::{
    By, ChromiumLikeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel, WebDriver, WebElement,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
};

use crate::{PATIENCE, World};

/// How often a driver is started that ends at once.
const DRIVERS_TRIED: u32 = 3;

/// What is unlike a person at a desk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visitor {
    /// A phone: 390 by 844 CSS pixels.
    pub has_phone: bool,
    /// Scripts are off, on every page.
    pub is_without_scripts: bool,
}

/// A browser with one window.
pub struct Chromium {
    /// The window.
    pub driver: WebDriver,
    _process: Child,
}

/// Fails, in words that help, unless the program is there.
async fn must_be_there(program: &str) {
    let version = Command::new(program).arg("--version").output().await;
    assert!(
        version.is_ok_and(|version| version.status.success()),
        "there is no `{program}`: on Debian, `apt-get install chromium chromium-driver` brings it"
    );
}

/// Starts a driver; its port.
async fn driver() -> (Child, String) {
    // It takes a port that is free on IPv4 and ends when somebody has it on IPv6.
    for _ in 0..DRIVERS_TRIED {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver starts");
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        while let Some(line) = lines.next_line().await.expect("it is text") {
            if let Some((_, port)) = line.split_once("successfully on port ") {
                // What it says later is read and forgotten, so that it is never kept from saying it.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return (process, port.trim_end_matches('.').to_owned());
            }
        }
    }
    panic!("chromedriver ended {DRIVERS_TRIED} times without saying its port");
}

impl Chromium {
    /// Starts one for `visitor`.
    ///
    /// # Panics
    /// When Chromium or its driver is not installed.
    pub async fn start(visitor: Visitor) -> Self {
        must_be_there("chromium").await;
        must_be_there("chromedriver").await;
        let (process, port) = driver().await;
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities(visitor))
            .await
            .unwrap_or_else(|error| panic!("chromium starts: {error}"));
        if visitor.is_without_scripts {
            // The pages' own; what the driver asks of a page it can still ask.
            let off = json!({ "value": true });
            let told = driver.cdp().send_raw("Emulation.setScriptExecutionDisabled", off).await;
            told.expect("chromium can do without");
        }
        Self { driver, _process: process }
    }

    /// Goes to AWS Marketplace, which sends the browser on to the product with its form: from another site.
    pub async fn come_from_the_marketplace(&self, world: &World, bought: &Bought) {
        let url = format!("{}/signup", world.details.api_url);
        let page = Arrival { url, token: bought.token.clone(), trial: bought.trial }.as_page();
        // Another address of this machine's is another site to a browser.
        let listener = TcpListener::bind("127.0.0.2:0").await.expect("Linux answers on all of 127.0.0.0/8");
        let address = listener.local_addr().expect("it is bound");
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("the browser comes");
            let _ = stream.read(&mut [0; 4096]).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close\r\n";
            let answer = format!("{head}content-length: {}\r\n\r\n{page}", page.len());
            stream.write_all(answer.as_bytes()).await.expect("the browser listens");
        });
        self.driver.goto(format!("http://{address}/")).await.expect("the Marketplace is there");
        served.await.expect("the Marketplace has answered");
    }

    /// An element, once it is there.
    pub async fn find(&self, css: &str) -> WebElement {
        let begun = Instant::now();
        loop {
            match self.driver.find(By::Css(css)).await {
                Ok(element) => return element,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "no {css}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for a page with this heading.
    pub async fn see(&self, heading: &str) {
        let begun = Instant::now();
        let mut last = String::new();
        while last != heading {
            assert!(begun.elapsed() < PATIENCE, "`{heading}` was not seen, but `{last}`");
            tokio::time::sleep(Duration::from_millis(50)).await;
            // Between two pages there is none.
            if let Ok(found) = self.driver.find(By::Css("h1")).await {
                last = found.text().await.unwrap_or_default();
            }
        }
    }

    /// Where the window is.
    pub async fn url(&self) -> String {
        self.driver.current_url().await.expect("the window is somewhere").into()
    }

    /// Keeps a picture of the page: `target/screenshots/NAME.png`.
    pub async fn keep_picture(&self, name: &str) {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/screenshots"));
        std::fs::create_dir_all(folder).expect("the target folder can be written");
        self.driver.screenshot(&folder.join(format!("{name}.png"))).await.expect("the page can be pictured");
    }

    /// What the browser refused to do because the pages forbid it; a page that is sound forbids nothing that it needs.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.driver.browser_log().await.expect("the browser keeps a log");
        let policy =
            |message: &String| message.contains("Content Security Policy") || message.contains("Refused");
        log.into_iter().map(|entry| entry.message).filter(policy).collect()
    }

    /// Ends it.
    pub async fn end(self) {
        self.driver.quit().await.expect("the browser ends");
    }
}

fn capabilities(visitor: Visitor) -> thirtyfour::ChromeCapabilities {
    let mut wanted = DesiredCapabilities::chrome();
    let arguments = [
        "--headless=new",
        // The pages are our own, and in a container there is nothing to make a sandbox of.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-proxy-server",
        "--hide-scrollbars",
        "--window-size=1200,1000",
        // So that it ends with its driver.
        "--remote-debugging-pipe",
    ];
    let mut set = || -> thirtyfour::error::WebDriverResult<()> {
        wanted.set_browser_log_level(LoggingPrefsLogLevel::All)?;
        for argument in arguments {
            wanted.add_arg(argument)?;
        }
        if visitor.has_phone {
            wanted.add_experimental_option(
                "mobileEmulation",
                // No finger: the driver's taps wait for scripts, also where there are none.
                json!({ "deviceMetrics": { "width": 390, "height": 844, "pixelRatio": 2.0, "mobile": true, "touch": false } }),
            )?;
        }
        Ok(())
    };
    set().expect("capabilities are plain data");
    wanted
}
