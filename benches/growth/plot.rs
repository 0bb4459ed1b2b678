//! A plot in SVG: panels one below the other over one logarithmic axis of accounts, with every value written at its point.
//!
//! Colours are readable on light and on dark ground, and text takes the reader's.

use std::fmt::Write;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 70.0;
/// Where names of lines stand.
const RIGHT: f64 = 700.0;
const TOP: f64 = 40.0;
/// Between two panels.
const GAP: f64 = 40.0;
/// Below the last panel: the numbers of accounts and what they are.
const FOOT: f64 = 50.0;
/// Height of a line of text: no two stand nearer to each other.
const TEXT: f64 = 14.0;
const COLORS: [&str; 5] = ["#3b82d6", "#d9730d", "#2f9e60", "#a463d8", "#c2456b"];
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#3d444d}.faint{stroke:#8b949e;stroke-opacity:.35}\
    @media(prefers-color-scheme:dark){text{fill:#c9d1d9}}";

pub struct Point {
    pub accounts: f64,
    pub value: f64,
}

pub struct Line {
    pub name: &'static str,
    /// By accounts, ascending; every line of a plot has the same.
    pub points: Vec<Point>,
}

/// Lines over one axis of their own. Its scale is logarithmic too, so that equal growth has equal slopes.
pub struct Panel {
    pub axis: &'static str,
    /// In pixels, without the names of the axes.
    pub height: f64,
    pub show: fn(f64) -> String,
    pub lines: Vec<Line>,
}

/// A length of time, given in nanoseconds.
pub fn time(nanos: f64) -> String {
    match nanos {
        _ if nanos < 1_000.0 => format!("{nanos:.0} ns"),
        _ if nanos < 10_000.0 => format!("{:.1} µs", nanos / 1e3),
        _ => format!("{:.0} µs", nanos / 1e3),
    }
}

/// A number of accounts.
pub fn count(accounts: f64) -> String {
    let (size, unit) = if accounts < 1e6 { (accounts / 1e3, "K") } else { (accounts / 1e6, "M") };
    format!("{} {unit}", (size * 10.0).round() / 10.0)
}

/// The plot.
pub fn svg(title: &str, panels: &[Panel]) -> String {
    let height = TOP + panels.iter().map(|panel| panel.height + GAP).sum::<f64>() - GAP + FOOT;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n<text x=\"{LEFT}\" y=\"20\">{title}</text>\n"
    );
    let mut top = TOP;
    for panel in panels {
        draw(&mut out, panel, top);
        top += panel.height + GAP;
    }
    let bottom = top - GAP;
    for point in &panels[0].lines[0].points {
        text(&mut out, across(&panels[0], point), bottom + 18.0, "middle", "", &count(point.accounts));
    }
    text(&mut out, (LEFT + RIGHT) / 2.0, bottom + 38.0, "middle", "", "accounts in the shard");
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, panel: &Panel, top: f64) {
    let bottom = top + panel.height;
    let values = || panel.lines.iter().flat_map(|line| &line.points).map(|point| point.value);
    // Room for the text of the outermost points, and for a line that is flat.
    let (least, most) = (values().fold(f64::MAX, f64::min) / 1.4, values().fold(f64::MIN, f64::max) * 1.6);
    let up = |value: f64| scaled(value.log10(), (least.log10(), most.log10()), (bottom, top));
    for tick in ticks(least, most) {
        let y = up(tick);
        let _ = writeln!(out, "<path class=\"faint\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>");
        text(out, LEFT - 6.0, y + 4.0, "end", "", &(panel.show)(tick));
    }
    let (x, y) = (14.0, (top + bottom) / 2.0);
    let _ =
        writeln!(out, "<text transform=\"rotate(-90 {x} {y})\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", panel.axis);
    for (line, color) in panel.lines.iter().zip(COLORS) {
        draw_line(out, color, line.points.iter().map(|point| (across(panel, point), up(point.value))));
    }
    let last = panel.lines[0].points.len() - 1;
    for index in 0..=last {
        let heights: Vec<f64> = panel.lines.iter().map(|line| up(line.points[index].value)).collect();
        for ((line, color), y) in panel.lines.iter().zip(COLORS).zip(apart(beside(&heights))) {
            let point = &line.points[index];
            text(out, across(panel, point), y, "middle", color, &(panel.show)(point.value));
        }
    }
    let names = apart(panel.lines.iter().map(|line| up(line.points[last].value) + 4.0).collect());
    for ((line, color), y) in panel.lines.iter().zip(COLORS).zip(names) {
        text(out, RIGHT + 6.0, y, "start", color, line.name);
    }
}

fn draw_line(out: &mut String, color: &str, points: impl Iterator<Item = (f64, f64)> + Clone) {
    let path: Vec<String> = points.clone().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(out, "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" points=\"{}\"/>", path.join(" "));
    for (x, y) in points {
        let _ = writeln!(out, "<circle fill=\"{color}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
    }
}

/// Where the texts of points go: above, or below where another line is close above.
fn beside(heights: &[f64]) -> Vec<f64> {
    let crowded = |y: f64| heights.iter().any(|other| (y - 2.2 * TEXT..y).contains(other));
    heights.iter().map(|&y| if crowded(y) { y + TEXT + 2.0 } else { y - 7.0 }).collect()
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, color: &str, what: &str) {
    let color = if color.is_empty() { String::new() } else { format!(" style=\"fill:{color}\"") };
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{color}>{what}</text>");
}

/// Round values within a range: 1, 2 and 5 with any number of noughts.
fn ticks(least: f64, most: f64) -> Vec<f64> {
    let decades = (least.log10().floor() as i32)..=(most.log10().ceil() as i32);
    let round = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(decade)));
    round.filter(|tick| (least..most).contains(tick)).collect()
}

/// Heights of texts, moved apart just enough to be read, in the order in which they came.
fn apart(heights: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..heights.len()).collect();
    order.sort_by(|a, b| heights[*b].total_cmp(&heights[*a]));
    let mut places = heights;
    for pair in order.windows(2) {
        places[pair[1]] = places[pair[1]].min(places[pair[0]] - TEXT);
    }
    places
}

/// Where a point lies between left and right.
fn across(panel: &Panel, point: &Point) -> f64 {
    let points = &panel.lines[0].points;
    let ends = (points[0].accounts.log10(), points[points.len() - 1].accounts.log10());
    scaled(point.accounts.log10(), ends, (LEFT + 30.0, RIGHT - 30.0))
}

/// A value within a range, in another range; in its middle where the range is a point.
fn scaled(value: f64, from: (f64, f64), to: (f64, f64)) -> f64 {
    let part = if from.1 > from.0 { (value - from.0) / (from.1 - from.0) } else { 0.5 };
    to.0 + part * (to.1 - to.0)
}
