//! The page of `todo telemetry last --html` in a real browser: what it draws, and that it can be used without a mouse.

mod common;

use std::{fs, path::Path, process::Command};

use common::Home;
use otlp_test_support::not_run;
use serde_json::Value;

/// Reads places and states where the page's own policy would forbid any script.
const PROBE: &str = "<script>addEventListener('load', () => {
  const place = element => { const r = element.getBoundingClientRect(); return [r.left, r.top, r.width, r.height] };
  const all = (root, query) => [...root.querySelectorAll(query)];
  const first = document.querySelector('summary');
  first.focus();
  const focused = document.activeElement === first;
  first.click();
  const open = first.parentElement.open, table = place(first.parentElement.querySelector('table'))[3];
  first.click();
  const bars = all(document, '.bar').map(bar => ({ class: bar.className, at: place(bar), lane: place(bar.parentElement) }));
  const facts = { focused, open, table, bars, wide: document.documentElement.scrollWidth, resources: performance.getEntriesByType('resource').length,
    names: all(document, '.name').map(name => name.textContent) };
  const out = document.createElement('pre'); out.id = 'facts'; out.hidden = true; out.textContent = JSON.stringify(facts);
  document.body.append(out);
})</script>";

fn chromium(home: &Path, arguments: &[String]) -> Vec<u8> {
    let mut command = Command::new("timeout");
    command.args(["120", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]);
    command.args(["--window-size=1200,900", "--force-device-scale-factor=1"]).args(arguments);
    let output = command.env("HOME", home).current_dir(home).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn the_waterfall_draws_every_span_where_it_belongs_and_opens_by_keyboard() {
    if Command::new("chromium").arg("--version").output().is_err() {
        return not_run("the waterfall in a browser", "chromium");
    }
    let home = Home::new();
    let evil = "<img src=x onerror=alert(1)> & \"milk\"";
    let added = home.command(["add", evil]).env("TODO_KEEP_LAST", "5").output().unwrap();
    assert!(added.status.success());
    let page = home.path().join("last.html");
    let wrote = home.command(["telemetry", "last", "--html"]).arg(&page).env("TODO_KEEP_LAST", "5").output().unwrap();
    assert!(wrote.status.success(), "{}", String::from_utf8_lossy(&wrote.stderr));

    let html = fs::read_to_string(&page).unwrap();
    let probed = home.path().join("probed.html");
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    assert!(html.contains(policy));
    let open = html.replace(policy, "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'");
    fs::write(&probed, open.replace("</body>", &format!("{PROBE}</body>"))).unwrap();
    let dom = chromium(home.path(), &["--dump-dom".into(), format!("file://{}", probed.display())]);
    let dom = String::from_utf8(dom).unwrap();
    let facts = dom.split_once("<pre id=\"facts\" hidden=\"\">").unwrap().1.split_once("</pre>").unwrap().0;
    let facts: Value =
        serde_json::from_str(&facts.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")).unwrap();

    assert_eq!((&facts["focused"], &facts["open"]), (&Value::Bool(true), &Value::Bool(true)), "reached and opened");
    assert!(facts["table"].as_f64().unwrap() > 20.0, "its attributes are seen: {facts}");
    assert_eq!(facts["resources"], 0, "nothing is loaded");
    assert!(facts["wide"].as_f64().unwrap() <= 1200.0, "no sideways scrolling: {facts}");
    assert!(!dom.contains("<img"), "a title stays text");
    assert!(facts["names"][0].as_str().unwrap().starts_with("todo.command.add"), "{facts}");
    let bars = facts["bars"].as_array().unwrap();
    assert_eq!(bars.len(), html.matches("<details>").count());
    assert!(bars.len() > 4, "{facts}");

    let picture = home.path().join("page.png");
    chromium(home.path(), &[format!("--screenshot={}", picture.display()), format!("file://{}", page.display())]);
    if let Some(folder) = std::env::var_os("KEEP_SCREENSHOT") {
        fs::copy(&picture, Path::new(&folder).join("waterfall.png")).unwrap();
    }
    let pixels = Picture::read(&picture);
    for bar in bars {
        let (at, lane) = (numbers(&bar["at"]), numbers(&bar["lane"]));
        // A bar has a least width, so the last may reach two pixels over its lane, which cuts it.
        assert!(at[0] >= lane[0] - 0.5 && at[0] + at[2] <= lane[0] + lane[2] + 2.5, "inside of its lane: {bar}");
        if at[2] >= 3.0 && at[1] + at[3] < 900.0 {
            let colour = match bar["class"].as_str().unwrap() {
                "bar out" => [0x8a, 0x63, 0xd2],
                "bar bad" => [0xd6, 0x45, 0x45],
                _ => [0x4c, 0x8d, 0xd8],
            };
            assert_eq!(pixels.at(at[0] + at[2] / 2.0, at[1] + 3.0), colour, "{bar}");
        }
    }
    let (root, lane) = (numbers(&bars[0]["at"]), numbers(&bars[0]["lane"]));
    assert!((root[2] - lane[2]).abs() < 1.5, "the root takes the whole lane: {root:?} {lane:?}");
}

struct Picture {
    bytes: Vec<u8>,
    width: usize,
    channels: usize,
}

impl Picture {
    fn read(file: &Path) -> Self {
        let mut reader = png::Decoder::new(std::io::BufReader::new(fs::File::open(file).unwrap())).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        Picture { width: info.width as usize, channels: info.color_type.samples(), bytes }
    }

    fn at(&self, x: f64, y: f64) -> [u8; 3] {
        let start = (y as usize * self.width + x as usize) * self.channels;
        [self.bytes[start], self.bytes[start + 1], self.bytes[start + 2]]
    }
}
