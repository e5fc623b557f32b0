//! A picture.

use std::{collections::HashMap, fmt::Write as _};

use super::{Edge, Graph, Node, NodeKind, layout::Layout};

/// How wide a letter is taken to be; others twice that, as wide as the widest scripts.
const LETTER: f64 = 7.4;
/// How high a line of text is.
const LINE: f64 = 17.0;
/// Between two layers.
const LAYER_GAP: f64 = 64.0;
/// Around all of it; edges that lead up go around there.
const MARGIN: f64 = 24.0;
/// How far to the right an edge that leads up goes.
const DETOUR: f64 = 40.0;

/// `graph` as a picture.
pub(super) fn draw(graph: &Graph) -> String {
    let widths: Vec<f64> = graph.nodes.iter().map(width).collect();
    let layout = Layout::new(graph, &widths);
    let canvas = Canvas::new(graph, &widths, &layout);
    let (all, height) = (canvas.width, canvas.height);
    let mut svg = String::new();
    add(
        &mut svg,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{all:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {all:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"13\">\n"
        ),
    );
    add(
        &mut svg,
        format_args!("<title>{}</title>\n", escaped(&graph.name)),
    );
    svg.push_str("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
    svg.push_str("<defs>\n");
    let mut colors: Vec<&str> = graph.edges.iter().map(|edge| edge.kind.color()).collect();
    colors.sort_unstable();
    colors.dedup();
    for color in colors {
        add(
            &mut svg,
            format_args!(
                "<marker id=\"{}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" \
                 orient=\"auto\"><path d=\"M0 0L10 5L0 10z\" fill=\"{color}\"/></marker>\n",
                marker(color)
            ),
        );
    }
    svg.push_str("</defs>\n");
    for place in 0..graph.edges.len() {
        canvas.line(&mut svg, place);
    }
    for place in 0..graph.nodes.len() {
        canvas.node(&mut svg, place);
    }
    // Last, so that nothing covers them.
    let mut taken = Taken::default();
    for place in 0..graph.edges.len() {
        canvas.label(&mut svg, place, &mut taken);
    }
    svg.push_str("</svg>\n");
    svg
}

fn add(svg: &mut String, text: std::fmt::Arguments<'_>) {
    svg.write_fmt(text).expect("a String takes every write");
}

fn marker(color: &str) -> String {
    format!("to-{}", color.trim_start_matches('#'))
}

/// How wide a text is.
fn text_width(text: &str) -> f64 {
    let letters = text.chars().map(|c| if c.is_ascii() { 1.0 } else { 2.0 });
    letters.sum::<f64>() * LETTER
}

fn width(node: &Node) -> f64 {
    let lines = node.lines.iter().map(|line| text_width(line));
    lines.fold(30.0, f64::max) + 24.0
}

fn height(node: &Node) -> f64 {
    node.lines.iter().map(|_| LINE).sum::<f64>() + 14.0
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// A graph with the places of its nodes.
struct Canvas<'a> {
    graph: &'a Graph,
    widths: &'a [f64],
    layout: &'a Layout,
    /// The middle of each layer.
    rows: Vec<f64>,
    width: f64,
    height: f64,
}

impl<'a> Canvas<'a> {
    fn new(graph: &'a Graph, widths: &'a [f64], layout: &'a Layout) -> Self {
        let mut heights = vec![0.0_f64; layout.layers];
        for (node, (_, layer)) in graph.nodes.iter().zip(&layout.nodes) {
            if let Some(row) = heights.get_mut(*layer) {
                *row = row.max(height(node));
            }
        }
        let mut rows = Vec::with_capacity(heights.len());
        let mut top = MARGIN;
        for height in heights {
            rows.push(top + height / 2.0);
            top += height + LAYER_GAP;
        }
        let has_detours = layout.leads_down.contains(&false);
        let detour = if has_detours { DETOUR } else { 0.0 };
        let labels = graph.edges.iter().map(|edge| text_width(&edge.label()));
        let label = labels.fold(0.0, f64::max);
        Self {
            graph,
            widths,
            layout,
            rows,
            width: layout.width.max(label) + 2.0 * MARGIN + detour,
            height: top - LAYER_GAP.min(top) + MARGIN,
        }
    }

    /// The middle of a layer's place.
    fn point(&self, (across, layer): (f64, usize)) -> (f64, f64) {
        let y = self.rows.get(layer).copied().unwrap_or(0.0);
        (across + MARGIN, y)
    }

    fn middle(&self, node: usize) -> (f64, f64) {
        let at = self.layout.nodes.get(node).copied();
        self.point(at.unwrap_or((0.0, 0)))
    }

    fn size(&self, node: usize) -> (f64, f64) {
        let width = self.widths.get(node).copied().unwrap_or(0.0);
        let height = self.graph.nodes.get(node).map_or(0.0, height);
        (width, height)
    }

    fn node(&self, svg: &mut String, place: usize) {
        let Some(node) = self.graph.nodes.get(place) else {
            return;
        };
        let (x, y) = self.middle(place);
        let (width, height) = self.size(place);
        let (fill, border) = node.colors();
        let round = match node.kind {
            NodeKind::Start | NodeKind::Command => height / 2.0,
            NodeKind::Task | NodeKind::Join => 6.0,
        };
        let (left, top) = (x - width / 2.0, y - height / 2.0);
        let rect = |svg: &mut String, inset: f64, fill: &str| {
            add(
                svg,
                format_args!(
                    "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{round:.1}\" \
                     fill=\"{fill}\" stroke=\"{border}\"/>\n",
                    left + inset,
                    top + inset,
                    width - 2.0 * inset,
                    height - 2.0 * inset
                ),
            );
        };
        rect(svg, 0.0, fill);
        if node.kind == NodeKind::Join {
            rect(svg, 3.0, "none");
        }
        let ink = if node.kind == NodeKind::Start {
            "#ffffff"
        } else {
            "#24292f"
        };
        let mut base = top + 7.0 + LINE * 0.75;
        for (count, line) in node.lines.iter().enumerate() {
            let weight = if count == 0 {
                " font-weight=\"bold\""
            } else {
                ""
            };
            add(
                svg,
                format_args!(
                    "<text x=\"{x:.1}\" y=\"{base:.1}\" text-anchor=\"middle\" fill=\"{ink}\"{weight}>{}</text>\n",
                    escaped(line)
                ),
            );
            base += LINE;
        }
    }

    /// The points of an edge that leads down, from the bottom of one node to the top of the other.
    fn way(&self, place: usize, edge: &Edge) -> Vec<(f64, f64)> {
        let (from, to) = (self.middle(edge.from), self.middle(edge.to));
        let mut points = vec![(from.0, from.1 + self.size(edge.from).1 / 2.0)];
        let bends = self.layout.bends.get(place).into_iter().flatten();
        points.extend(bends.map(|bend| self.point(*bend)));
        points.push((to.0, to.1 - self.size(edge.to).1 / 2.0));
        points
    }

    /// The points of an edge that leads up, around the right sides of both nodes.
    fn detour(&self, edge: &Edge) -> [(f64, f64); 4] {
        let (from, to) = (self.middle(edge.from), self.middle(edge.to));
        let (from_size, to_size) = (self.size(edge.from), self.size(edge.to));
        let start = (from.0 + from_size.0 / 2.0, from.1 + from_size.1 / 4.0);
        let end = (to.0 + to_size.0 / 2.0, to.1 - to_size.1 / 4.0);
        let right = start.0.max(end.0) + DETOUR;
        [start, (right, start.1), (right, end.1), end]
    }

    fn line(&self, svg: &mut String, place: usize) {
        let Some(edge) = self.graph.edges.get(place) else {
            return;
        };
        let mut path = String::new();
        if self.layout.leads_down.get(place) == Some(&true) {
            let points = self.way(place, edge);
            for (count, (x, y)) in points.iter().enumerate() {
                let before = count.checked_sub(1).and_then(|before| points.get(before));
                match before {
                    None => add(&mut path, format_args!("M{x:.1} {y:.1}")),
                    Some((left, above)) => {
                        let half = f64::midpoint(*above, *y);
                        add(
                            &mut path,
                            format_args!(" C{left:.1} {half:.1} {x:.1} {half:.1} {x:.1} {y:.1}"),
                        );
                    }
                }
            }
        } else {
            let [start, one, two, end] = self.detour(edge);
            add(
                &mut path,
                format_args!(
                    "M{:.1} {:.1} C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}",
                    start.0, start.1, one.0, one.1, two.0, two.1, end.0, end.1
                ),
            );
        }
        let color = edge.kind.color();
        let dash = if edge.kind.is_broken() {
            " stroke-dasharray=\"5 3\""
        } else {
            ""
        };
        add(
            svg,
            format_args!(
                "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\"{dash} marker-end=\"url(#{})\"/>\n",
                marker(color)
            ),
        );
    }

    /// Writes what an edge says where no other text stands, if there is such a place on it.
    fn label(&self, svg: &mut String, place: usize, taken: &mut Taken) {
        let Some(edge) = self.graph.edges.get(place) else {
            return;
        };
        let label = edge.label();
        if label.is_empty() {
            return;
        }
        let width = text_width(&label) * 0.85;
        let points = if self.layout.leads_down.get(place) == Some(&true) {
            let way = self.way(place, edge);
            let (Some(&start), Some(&end)) = (way.first(), way.get(1)) else {
                return;
            };
            // Rather where it ends than where it begins, where edges of one node lie close.
            [0.6, 0.45, 0.75, 0.3].map(|part| on_curve(start, end, part))
        } else {
            let [start, one, _, end] = self.detour(edge);
            [0.5, 0.4, 0.6, 0.3].map(|part| {
                let y = start.1 + (end.1 - start.1) * part;
                (one.0 - DETOUR / 4.0, y)
            })
        };
        let free = points.iter().find(|point| taken.is_free(**point, width));
        let (x, y) = free.copied().unwrap_or(points[0]);
        taken.take((x, y), width);
        add(
            svg,
            format_args!(
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" font-size=\"11\" fill=\"{}\" \
                 stroke=\"#ffffff\" stroke-width=\"4\" paint-order=\"stroke\">{}</text>\n",
                edge.kind.color(),
                escaped(&label)
            ),
        );
    }
}

/// A point of the curve that leads down from `start` to `end`.
fn on_curve(start: (f64, f64), end: (f64, f64), part: f64) -> (f64, f64) {
    let rest = 1.0 - part;
    let (near, far) = (3.0 * rest * rest * part, 3.0 * rest * part * part);
    let half = f64::midpoint(start.1, end.1);
    let x = (rest.powi(3) + near) * start.0 + (far + part.powi(3)) * end.0;
    let y = rest.powi(3) * start.1 + (near + far) * half + part.powi(3) * end.1;
    (x, y)
}

/// Where what edges say stands: pieces of rows as high as a line.
#[derive(Default)]
struct Taken(HashMap<i64, Vec<(f64, f64)>>);

impl Taken {
    /// The row at a height.
    fn row(y: f64) -> i64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a picture is not that high"
        )]
        let row = (y / 13.0).round() as i64;
        row
    }

    fn is_free(&self, (x, y): (f64, f64), width: f64) -> bool {
        let row = Self::row(y);
        let mut pieces = (row - 1..=row + 1)
            .filter_map(|row| self.0.get(&row))
            .flatten();
        pieces.all(|(left, right)| x + width / 2.0 < *left || x - width / 2.0 > *right)
    }

    fn take(&mut self, (x, y): (f64, f64), width: f64) {
        let piece = (x - width / 2.0, x + width / 2.0);
        self.0.entry(Self::row(y)).or_default().push(piece);
    }
}
