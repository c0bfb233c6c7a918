//! Scope's graphs, of which this server runs the shortest: one pipeline between a source and its sinks. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::{session::SourceType, stage::Json};

/// A graph: one pipeline between at most one source and its sinks.
#[derive(ToSchema)]
#[schema(as = Graph)]
#[expect(dead_code, reason = "documents what Chain reads")]
pub struct GraphBody {
    nodes: Vec<GraphNode>,
    edges: Vec<GraphEdge>,
}

/// A node; further keys of Scope's are not used.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what Chain reads")]
pub struct GraphNode {
    id: String,
    r#type: NodeType,
    /// Of a pipeline: its id.
    #[schema(nullable = false)]
    pipeline_id: Option<String>,
    /// Of a source: what kind of file.
    #[schema(nullable = false)]
    source_mode: Option<SourceType>,
    /// Of a source: its file's `identifier`.
    #[schema(nullable = false)]
    source_name: Option<String>,
    #[serde(flatten)]
    other: BTreeMap<String, Json>,
}

/// What a node is.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents what Chain reads")]
pub enum NodeType {
    /// Gives frames.
    Source,
    /// Processes them.
    Pipeline,
    /// Takes them.
    Sink,
}

/// An edge; further keys of Scope's are not used.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what Chain reads")]
pub struct GraphEdge {
    /// A node's id.
    from: String,
    /// A node's id.
    to_node: String,
    #[serde(flatten)]
    other: BTreeMap<String, Json>,
}

/// A graph that is a chain.
#[derive(Debug, PartialEq)]
pub struct Chain {
    /// The pipeline.
    pub pipeline_id: String,
    /// Its node.
    pub node: String,
    /// The file of its source, as `input_source`.
    pub source: Option<Value>,
    /// Nodes that give the input.
    pub sources: Vec<String>,
    /// Nodes that take the output.
    pub sinks: Vec<String>,
}

impl Chain {
    /// Reads a graph of nodes and edges.
    ///
    /// # Errors
    /// A sentence: it is no such graph, or more than a chain.
    pub fn of(graph: &Map<String, Value>) -> Result<Self, String> {
        let nodes = list(graph, "nodes")?;
        let of_type = |wanted: &'static str| nodes.iter().filter(move |node| text(node, "type") == wanted);
        if let Some(other) =
            nodes.iter().find(|node| !["source", "pipeline", "sink"].contains(&text(node, "type")))
        {
            let got = text(other, "type");
            return Err(format!("graph.nodes: expected the type source, pipeline or sink, got {got:?}"));
        }
        let ids = |wanted: &'static str| {
            of_type(wanted).map(|node| text(node, "id").to_owned()).collect::<Vec<_>>()
        };
        let (sources, pipelines, sinks) = (ids("source"), ids("pipeline"), ids("sink"));
        let ([node], [] | [_], [_, ..]) = (&pipelines[..], &sources[..], &sinks[..]) else {
            return Err(format!(
                "graph.nodes: expected one pipeline, at most one source and at least one sink, got {}, {} and {}",
                pipelines.len(),
                sources.len(),
                sinks.len()
            ));
        };
        let known: Vec<&String> = sources.iter().chain(&pipelines).chain(&sinks).collect();
        for edge in list(graph, "edges")? {
            let ends = [edge.get("from"), edge.get("to_node")];
            if !ends
                .iter()
                .all(|end| end.and_then(Value::as_str).is_some_and(|end| known.iter().any(|id| *id == end)))
            {
                return Err(format!("graph.edges: expected from and to_node to be ids of nodes, got {edge}"));
            }
        }
        let source = of_type("source").next().map(source).transpose()?;
        let pipeline_id = of_type("pipeline").map(|node| text(node, "pipeline_id").to_owned()).collect();
        Ok(Self { pipeline_id, node: node.clone(), source, sources, sinks })
    }
}

fn list<'a>(graph: &'a Map<String, Value>, name: &str) -> Result<&'a [Value], String> {
    let list = graph.get(name).and_then(Value::as_array);
    list.map(Vec::as_slice).ok_or_else(|| format!("graph.{name}: expected a list"))
}

fn text<'a>(node: &'a Value, name: &str) -> &'a str {
    node.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn source(node: &Value) -> Result<Value, String> {
    match text(node, "source_mode") {
        mode @ ("video_file" | "recording") => {
            Ok(json!({ "source_type": mode, "source_name": text(node, "source_name") }))
        }
        mode => Err(format!("source_mode: expected \"video_file\" or \"recording\", got {mode:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(graph: &Value) -> Result<Chain, String> {
        Chain::of(graph.as_object().unwrap())
    }

    fn edge(from: &str, to: &str) -> Value {
        json!({"from": from, "from_port": "video", "to_node": to, "to_port": "video", "kind": "stream"})
    }

    #[test]
    fn a_chain_is_read_in_scopes_shape_and_what_is_more_is_refused() {
        let source =
            json!({"id": "in", "type": "source", "source_mode": "video_file", "source_name": "a.mp4"});
        let pipeline = json!({"id": "p", "type": "pipeline", "pipeline_id": "passthrough"});
        let sink = json!({"id": "out", "type": "sink"});
        let edges = [edge("in", "p"), edge("p", "out")];

        let read = chain(&json!({"nodes": [source, pipeline, sink], "edges": edges})).unwrap();

        assert_eq!((read.pipeline_id.as_str(), read.node.as_str()), ("passthrough", "p"));
        assert_eq!(read.source, Some(json!({"source_type": "video_file", "source_name": "a.mp4"})));
        assert_eq!((read.sources, read.sinks), (vec!["in".to_owned()], vec!["out".to_owned()]));
        let without = chain(&json!({"nodes": [pipeline, sink], "edges": [edge("p", "out")]})).unwrap();
        assert_eq!((without.source, without.sources), (None, vec![]));
        for (nodes, edges) in [
            (json!([pipeline, pipeline, sink]), json!([])),
            (json!([pipeline]), json!([])),
            (json!([source, source, pipeline, sink]), json!([])),
            (json!([{"id": "s", "type": "source", "source_mode": "ndi"}, pipeline, sink]), json!([])),
            (json!([{"id": "n", "type": "note"}, pipeline, sink]), json!([])),
            (json!([pipeline, sink]), json!([edge("p", "nowhere")])),
            (json!([pipeline, sink]), json!([7])),
            (json!([3, pipeline, sink]), json!([])),
            (json!("nodes"), json!([])),
            (json!([pipeline, sink]), json!(null)),
        ] {
            assert!(chain(&json!({"nodes": nodes, "edges": edges})).is_err(), "{nodes} {edges}");
        }
    }
}
