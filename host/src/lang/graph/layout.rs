//! Where the nodes of a picture stand: in layers from top to bottom, each ordered so that few edges cross.
//!
//! The same graph gives the same picture. Each part is linear in nodes, edges and the layers that edges pass.

use super::Graph;

/// Times that each layer is ordered by its neighbors.
const SWEEPS: usize = 6;
/// The most places that edges keep free on their way through layers; beyond, they take the straight way.
const MOST_BENDS: usize = 20_000;
/// Between two nodes of a layer.
const GAP: f64 = 28.0;

/// Where everything stands.
pub(super) struct Layout {
    /// The middle of each node: across, and its layer.
    pub(super) nodes: Vec<(f64, usize)>,
    /// For each edge the places between its ends: across, and the layer. An edge that leads up has none.
    pub(super) bends: Vec<Vec<(f64, usize)>>,
    /// Whether an edge leads down.
    pub(super) leads_down: Vec<bool>,
    /// How wide all of it is.
    pub(super) width: f64,
    /// How many layers there are.
    pub(super) layers: usize,
}

/// Something that takes room in a layer: a node, or an edge on its way.
struct Cell {
    layer: usize,
    width: f64,
    above: Vec<usize>,
    below: Vec<usize>,
}

impl Layout {
    /// Finds a place for each node of `graph`, which are as wide as `widths`.
    pub(super) fn new(graph: &Graph, widths: &[f64]) -> Self {
        let leads_down = leads_down(graph);
        let layers = layers(graph, &leads_down);
        let mut cells: Vec<Cell> = layers
            .iter()
            .zip(widths)
            .map(|(&layer, &width)| Cell {
                layer,
                width,
                above: Vec::new(),
                below: Vec::new(),
            })
            .collect();
        let on_the_way = chains(graph, &leads_down, &layers, &mut cells);
        let (across, width) = arrange(&cells);
        let at = |cell: usize| {
            let layer = cells.get(cell).map_or(0, |cell| cell.layer);
            (across.get(cell).copied().unwrap_or(0.0), layer)
        };
        Self {
            nodes: (0..graph.nodes.len()).map(at).collect(),
            bends: on_the_way
                .into_iter()
                .map(|chain| chain.into_iter().map(at).collect())
                .collect(),
            leads_down,
            width,
            layers: layers.iter().max().map_or(0, |last| last + 1),
        }
    }
}

/// For each node the edges that leave it.
fn leaving(graph: &Graph) -> Vec<Vec<usize>> {
    let mut leaving = vec![Vec::new(); graph.nodes.len()];
    for (place, edge) in graph.edges.iter().enumerate() {
        if let Some(edges) = leaving.get_mut(edge.from) {
            edges.push(place);
        }
    }
    leaving
}

/// Whether each edge leads down: those that close a circle, as they are met from the first node on, lead up.
fn leads_down(graph: &Graph) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Visit {
        Not,
        Entered,
        Left,
    }
    let leaving = leaving(graph);
    let mut visits = vec![Visit::Not; graph.nodes.len()];
    let mut down = vec![true; graph.edges.len()];
    for start in 0..graph.nodes.len() {
        let mut path = vec![(start, 0)];
        while let Some((node, next)) = path.last_mut() {
            let Some(visit) = visits.get_mut(*node) else {
                break;
            };
            if *next == 0 && *visit != Visit::Not {
                path.pop();
                continue;
            }
            *visit = Visit::Entered;
            let edge = leaving
                .get(*node)
                .and_then(|edges| edges.get(*next))
                .copied();
            *next += 1;
            let Some(edge) = edge else {
                *visit = Visit::Left;
                path.pop();
                continue;
            };
            let Some(to) = graph.edges.get(edge).map(|edge| edge.to) else {
                continue;
            };
            match visits.get(to) {
                Some(Visit::Not) => path.push((to, 0)),
                Some(Visit::Entered) => {
                    if let Some(down) = down.get_mut(edge) {
                        *down = false;
                    }
                }
                Some(Visit::Left) | None => {}
            }
        }
    }
    down
}

/// The layer of each node: one below the lowest that leads down to it.
fn layers(graph: &Graph, leads_down: &[bool]) -> Vec<usize> {
    let mut layers = vec![0_usize; graph.nodes.len()];
    let mut waits = vec![0_usize; graph.nodes.len()];
    let down = || {
        let edges = graph.edges.iter().zip(leads_down);
        edges.filter(|(_, down)| **down).map(|(edge, _)| edge)
    };
    for edge in down() {
        if let Some(waits) = waits.get_mut(edge.to) {
            *waits += 1;
        }
    }
    let leaving = leaving(graph);
    let ready = waits.iter().enumerate().filter(|(_, waits)| **waits == 0);
    let mut ready: Vec<usize> = ready.map(|(node, _)| node).collect();
    while let Some(node) = ready.pop() {
        let below = layers.get(node).map_or(0, |layer| layer + 1);
        for &edge in leaving.get(node).into_iter().flatten() {
            if leads_down.get(edge) != Some(&true) {
                continue;
            }
            let Some(to) = graph.edges.get(edge).map(|edge| edge.to) else {
                continue;
            };
            if let (Some(layer), Some(waits)) = (layers.get_mut(to), waits.get_mut(to)) {
                *layer = below.max(*layer);
                *waits -= 1;
                if *waits == 0 {
                    ready.push(to);
                }
            }
        }
    }
    layers
}

/// Links cells along the edges that lead down, with a cell in each layer that an edge passes. Tells those of each edge.
fn chains(
    graph: &Graph,
    leads_down: &[bool],
    layers: &[usize],
    cells: &mut Vec<Cell>,
) -> Vec<Vec<usize>> {
    let span = |from: usize, to: usize| {
        let layer = |node: usize| layers.get(node).copied().unwrap_or(0);
        (layer(from) + 1)..layer(to)
    };
    let edges = || graph.edges.iter().zip(leads_down);
    let bends: usize = edges()
        .filter(|(_, down)| **down)
        .map(|(edge, _)| span(edge.from, edge.to).len())
        .sum();
    let mut chains = Vec::with_capacity(graph.edges.len());
    for (edge, down) in edges() {
        let mut chain = Vec::new();
        if *down {
            let mut above = edge.from;
            let span = span(edge.from, edge.to);
            for layer in span.filter(|_| bends <= MOST_BENDS) {
                cells.push(Cell {
                    layer,
                    width: 4.0,
                    above: Vec::new(),
                    below: Vec::new(),
                });
                let cell = cells.len() - 1;
                link(cells, above, cell);
                chain.push(cell);
                above = cell;
            }
            link(cells, above, edge.to);
        }
        chains.push(chain);
    }
    chains
}

fn link(cells: &mut [Cell], above: usize, below: usize) {
    if let Some(cell) = cells.get_mut(above) {
        cell.below.push(below);
    }
    if let Some(cell) = cells.get_mut(below) {
        cell.above.push(above);
    }
}

/// Where each cell stands across, and how wide all of it is.
fn arrange(cells: &[Cell]) -> (Vec<f64>, f64) {
    let count = cells.iter().map(|cell| cell.layer + 1).max().unwrap_or(0);
    let mut rows = vec![Vec::new(); count];
    for (place, cell) in cells.iter().enumerate() {
        if let Some(row) = rows.get_mut(cell.layer) {
            row.push(place);
        }
    }
    let mut across = vec![0.0; cells.len()];
    for row in &rows {
        set_row(row, cells, &mut across);
    }
    for sweep in 0..SWEEPS {
        let is_downward = sweep % 2 == 0;
        let mut order: Vec<usize> = (0..rows.len()).collect();
        if !is_downward {
            order.reverse();
        }
        for place in order {
            let Some(row) = rows.get_mut(place) else {
                continue;
            };
            let wanted = |cell: &usize| {
                let neighbors = cells.get(*cell).map(|cell| match is_downward {
                    true => &cell.above,
                    false => &cell.below,
                });
                let neighbors = neighbors.map_or(&[][..], Vec::as_slice);
                let sum: f64 = neighbors.iter().filter_map(|cell| across.get(*cell)).sum();
                let own = across.get(*cell).copied().unwrap_or(0.0);
                let count = u32::try_from(neighbors.len()).unwrap_or(u32::MAX);
                if count == 0 {
                    own
                } else {
                    sum / f64::from(count)
                }
            };
            let mut wished: Vec<(f64, usize)> =
                row.iter().map(|cell| (wanted(cell), *cell)).collect();
            wished.sort_by(|one, other| one.0.total_cmp(&other.0));
            *row = wished.into_iter().map(|(_, cell)| cell).collect();
            set_row(row, cells, &mut across);
        }
    }
    let edge = |side: f64| {
        let ends = cells.iter().zip(&across);
        ends.map(move |(cell, at)| at + side * cell.width / 2.0)
    };
    let left = edge(-1.0).fold(0.0, f64::min);
    let right = edge(1.0).fold(0.0, f64::max);
    for at in &mut across {
        *at -= left;
    }
    (across, right - left)
}

/// Sets the cells of a row side by side, around the middle.
fn set_row(row: &[usize], cells: &[Cell], across: &mut [f64]) {
    let width = |cell: &usize| cells.get(*cell).map_or(0.0, |cell| cell.width);
    let total: f64 = row.iter().map(|cell| width(cell) + GAP).sum();
    let mut left = -total / 2.0;
    for cell in row {
        let width = width(cell);
        if let Some(at) = across.get_mut(*cell) {
            *at = left + (width + GAP) / 2.0;
        }
        left += width + GAP;
    }
}
