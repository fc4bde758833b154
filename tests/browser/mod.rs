//! A suite's page in a browser, for every test that makes one: what was laid out, loaded and complained of.
//!
//! Contract: the witness is Chromium. Skips, and says so, where there is none.

#![allow(dead_code, reason = "each test uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../skip/mod.rs"]
mod skip;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use squall::suite::model::Suite;

/// Measures the page that it is in, and tells the page around it.
const PROBE: &str = r#"<script>addEventListener("load", () => {
  const score = document.querySelector(".score");
  const answers = score ? score.getBoundingClientRect().bottom + scrollY : 0;
  const values = [...document.querySelectorAll(".score .value")].map(one => one.getBoundingClientRect());
  const clipped = values.filter(box => !box.width || box.left < 0 || box.right > innerWidth).length;
  for (const one of document.querySelectorAll("details")) one.open = true;
  const all = (what, within) => [...(within || document).querySelectorAll(what)];
  const count = (map, key) => { map[key] = (map[key] || 0) + 1; };
  const charts = all("figure").map(figure => {
    const shown = all("svg", figure).filter(svg => svg.getBoundingClientRect().width > 0);
    const marks = {}, lines = {}, texts = [];
    for (const svg of shown) {
      for (const mark of all("circle, rect, polygon", svg)) count(marks, mark.tagName + " " + mark.getAttribute("fill"));
      for (const line of all("polyline, line", svg)) {
        const points = (line.getAttribute("points") || "0 0").trim().split(" ").length;
        const key = line.getAttribute("stroke");
        lines[key] = Math.max(lines[key] || 0, points);
      }
      for (const text of all("text", svg)) {
        const box = text.getBoundingClientRect(), around = svg.getBoundingClientRect();
        const inside = box.left >= around.left - 1 && box.right <= around.right + 1 &&
          box.top >= around.top - 1 && box.bottom <= around.bottom + 1;
        texts.push([text.textContent.trim(), inside]);
      }
    }
    const box = shown.length ? shown[0].getBoundingClientRect() : { width: 0, height: 0 };
    return { drawings: shown.length, width: box.width, height: box.height, marks, lines, texts,
      named: shown.every(svg => svg.getAttribute("role") === "img" && svg.getAttribute("aria-label")),
      rows: all("tbody tr", figure).length };
  });
  const linear = part => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const luminance = colour => {
    const [r, g, b] = colour.match(/[\d.]+/g).map(Number);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const paper = luminance(getComputedStyle(document.body).backgroundColor);
  const faint = all("body *").filter(one => !one.closest("svg, script") &&
    [...one.childNodes].some(child => child.nodeType === 3 && child.data.trim())).filter(one => {
    const ink = luminance(getComputedStyle(one).color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05) < 4.5;
  });
  const ids = all("[id]").map(one => one.id);
  parent.postMessage({
    width: innerWidth,
    answers, clipped, values: values.length,
    over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    dark: paper < 0.2,
    cells: all("th, td").length,
    empty: all("th, td, li, dd, dt").filter(one => !one.textContent.trim()).map(one => one.parentElement.innerText),
    loaded: performance.getEntriesByType("resource").map(one => one.name),
    headings: all("h1, h2, h3, h4").map(one => Number(one.tagName[1])),
    unscoped: all("th:not([scope])").length,
    twice: ids.filter((id, at) => ids.indexOf(id) !== at),
    lost: all("a").filter(one => !document.getElementById(one.getAttribute("href").slice(1))).map(one => one.outerHTML),
    faint: faint.map(one => one.outerHTML.slice(0, 200)),
    charts,
  }, "*");
});</script>"#;

/// Shows the copy at two widths, and writes what it says of itself where `--dump-dom` shows it.
const AROUND: &str = r#"<!doctype html><meta charset="utf-8"><body>
<script>
  const said = [];
  addEventListener("message", message => {
    said.push(message.data);
    if (said.length < 2) return;
    const result = document.createElement("pre");
    result.id = "result";
    result.textContent = JSON.stringify(said.sort((one, other) => other.width - one.width));
    document.body.append(result);
  });
</script>
<iframe src="probed.html" width="1440" height="900"></iframe>
<iframe src="probed.html" width="390" height="844"></iframe>"#;

/// The browser, where there is one.
pub fn chromium() -> Option<&'static str> {
    skip::needs_one_of(&["chromium", "chromium-browser", "google-chrome"])
}

/// Opens `file` of `folder`: the document after its scripts, and what the console said.
fn open(browser: &str, folder: &Path, file: &str, more: &[&str]) -> (String, Vec<String>) {
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        .args([
            "--disable-background-networking",
            "--disable-dev-shm-usage",
            "--disable-extensions",
        ])
        .args(["--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(more)
        .arg(format!("file://{}", folder.join(file).display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let console = said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned);
    (String::from_utf8_lossy(&output.stdout).into_owned(), console.collect())
}

/// What the page says of itself at 1440 and at 390 pixels.
fn measured(browser: &str, folder: &Path, more: &[&str]) -> Vec<Value> {
    let (document, _) = open(browser, folder, "around.html", more);
    let result = document.split(r#"<pre id="result">"#).nth(1);
    let result = result.unwrap_or_else(|| panic!("the page never loaded: {document}"));
    let result = result.split("</pre>").next().unwrap();
    let result = result.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&result).unwrap()
}

/// What must hold of any suite's page, as `measured` has seen it: nothing is empty, too wide, faint or lost, and
/// every chart is laid out with its marks and with a table of its values.
pub fn check_layout(suite: &Suite, seen: &Value) {
    assert!(seen["cells"].as_u64().unwrap() > 200, "{seen}");
    check_page(seen);
    let levels: Vec<i64> = seen["headings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|level| level.as_i64().unwrap())
        .collect();
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
    assert!(
        levels.windows(2).all(|pair| pair[1] <= pair[0] + 1),
        "a level of headings is left out: {levels:?}"
    );
    let charts = suite.tests.iter().flat_map(|test| &test.charts);
    let drawn = seen["charts"].as_array().unwrap();
    assert_eq!(drawn.len(), charts.clone().count());
    for (named, seen) in charts.zip(drawn) {
        let title = &named.chart.title;
        assert_eq!(seen["drawings"], 1, "{title}: one drawing is laid out: {seen}");
        assert!(seen["width"].as_f64().unwrap() > 250.0, "{title}: {seen}");
        assert!(seen["height"].as_f64().unwrap() > 150.0, "{title}: {seen}");
        assert_eq!(seen["named"], true, "{title} has no name for those who hear it");
        let marks = seen["marks"].as_object().unwrap().len() + seen["lines"].as_object().unwrap().len();
        assert!(marks > 2, "{title}: only the paper is there: {seen}");
        for text in seen["texts"].as_array().unwrap() {
            assert!(text[1] == true, "{title}: {text} hangs over the edge");
        }
        assert!(seen["rows"].as_u64().unwrap() > 0, "{title} has no table of its values");
    }
}

/// Two screens of 1440 × 900.
const TWO_SCREENS: f64 = 1800.0;

/// What must hold of any page's scorecard: it stands within the first two screens, and its values are seen on a
/// telephone, too.
pub fn check_answers(seen: &Value) {
    assert!(seen["values"].as_u64().unwrap() > 0, "no answer: {seen}");
    assert_eq!(
        seen["clipped"], 0,
        "values that are cut off at {} pixels",
        seen["width"]
    );
    if seen["width"] == 1440 {
        let end = seen["answers"].as_f64().unwrap();
        assert!(end <= TWO_SCREENS, "the answers end {end} pixels below the top");
    }
}

/// What must hold of any page: nothing is empty, too wide, faint, lost, loaded or there twice.
pub fn check_page(seen: &Value) {
    for (what, none) in [
        ("empty", "empty cells"),
        ("loaded", "the page loads something"),
        ("twice", "an id is there twice"),
        ("lost", "links that lead nowhere"),
        ("faint", "contrast below 4.5"),
    ] {
        assert_eq!(seen[what], Value::Array(vec![]), "{none}");
    }
    assert_eq!(seen["unscoped"], 0, "heads without a scope");
    assert!(
        seen["over"].as_i64().unwrap() <= 0,
        "at {} pixels {} too wide",
        seen["width"],
        seen["over"]
    );
    check_answers(seen);
}

/// Opens `page` as it is, and a copy of it that measures itself, in light and dark at 1440 and 390 pixels; `check` is
/// given each measurement.
pub fn look(browser: &str, page: &str, mut check: impl FnMut(&Value)) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("report.html"), page).unwrap();
    let (_, console) = open(browser, folder.path(), "report.html", &[]);
    assert!(console.is_empty(), "{console:?}");
    // Without its policy, so that the probe may run, and so that what the policy would stop is seen.
    let policy = page.find("<meta http-equiv=\"Content-Security-Policy\"").unwrap();
    let end = policy + page[policy..].find('>').unwrap() + 1;
    let probed = format!("{}{}", &page[..policy], &page[end..]).replace("</body>", &format!("{PROBE}</body>"));
    fs::write(folder.path().join("probed.html"), probed).unwrap();
    fs::write(folder.path().join("around.html"), AROUND).unwrap();
    for (dark, flags) in [(false, vec![]), (true, vec!["--blink-settings=preferredColorScheme=0"])] {
        let seen = measured(browser, folder.path(), &flags);
        let widths: Vec<&Value> = seen.iter().map(|seen| &seen["width"]).collect();
        assert_eq!(widths, [1440, 390]);
        for seen in &seen {
            assert_eq!(seen["dark"], dark);
            check(seen);
        }
    }
}
