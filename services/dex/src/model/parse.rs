//! From `XGBoost`'s JSON to a checked [`Forest`]. Anything that evaluation relies on is verified here: indexes in range, every
//! node reached exactly once (so no cycles), features within the row.

use serde::Deserialize;

use super::complete::Complete;
use super::forest::{self, Forest, Node};
use super::{ModelError, check_names};

#[derive(Deserialize)]
struct File {
    learner: Learner,
}

#[derive(Deserialize)]
struct Learner {
    #[serde(default)]
    feature_names: Vec<String>,
    gradient_booster: Booster,
    #[serde(rename = "learner_model_param")]
    parameters: LearnerParam,
    objective: Named,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Booster {
    name: String,
    /// Absent for boosters other than `gbtree`.
    model: Option<Trees>,
}

#[derive(Deserialize)]
struct Trees {
    trees: Vec<Tree>,
}

/// Numbers are strings in this part of the format.
#[derive(Deserialize)]
struct LearnerParam {
    base_score: String,
    num_feature: String,
    #[serde(default)]
    num_class: String,
    #[serde(default)]
    num_target: String,
}

#[derive(Deserialize)]
struct Tree {
    left_children: Vec<i64>,
    right_children: Vec<i64>,
    split_indices: Vec<u64>,
    split_conditions: Vec<f32>,
    default_left: Vec<u8>,
    /// How much of the training data reached each node; only explanations need it.
    #[serde(default)]
    sum_hessian: Vec<f32>,
    /// 1 marks a categorical split.
    #[serde(default)]
    split_type: Vec<u8>,
}

/// Nodes in a whole forest; keeps indexes in 32 bits and bounds the memory a hostile file can ask for.
const NODE_LIMIT: usize = 1 << 24;
/// Nodes in one tree; keeps places in 16 bits. A complete tree of depth fourteen has half as many.
const TREE_LIMIT: usize = u16::MAX as usize;

pub(super) fn forest(bytes: &[u8], features: &[&str]) -> Result<Forest, ModelError> {
    let File { learner } = serde_json::from_slice(bytes)?;
    let unsupported = |field, found, expected| Err(ModelError::Unsupported { field, found, expected });
    if learner.objective.name != "binary:logistic" {
        return unsupported("objective", learner.objective.name, "binary:logistic");
    }
    let Some(Trees { trees }) = learner.gradient_booster.model else {
        return unsupported("booster", learner.gradient_booster.name, "gbtree");
    };
    if learner.gradient_booster.name != "gbtree" {
        return unsupported("booster", learner.gradient_booster.name, "gbtree");
    }
    let param = learner.parameters;
    if !matches!(param.num_class.as_str(), "" | "0" | "1") {
        return unsupported("number of classes", param.num_class, "one probability");
    }
    if !matches!(param.num_target.as_str(), "" | "0" | "1") {
        return unsupported("number of targets", param.num_target, "one probability");
    }
    let count: usize = param
        .num_feature
        .parse()
        .map_err(|_| ModelError::Malformed { field: "num_feature", found: param.num_feature.clone() })?;
    if count != features.len() {
        let problem = format!("{count} features instead of {}", features.len());
        return Err(ModelError::Features { part: "model", problem });
    }
    if !learner.feature_names.is_empty() {
        check_names("model", &learner.feature_names, features)?;
    }
    let mut forest = Forest {
        nodes: Vec::new(),
        values: Vec::new(),
        default_left: Vec::new(),
        trees: Vec::with_capacity(trees.len().min(NODE_LIMIT)),
        complete: None,
        base_margin: base_margin(&param.base_score)?,
        features: count,
    };
    for (i, tree) in trees.iter().enumerate() {
        flatten(tree, &mut forest).map_err(|problem| ModelError::Tree { tree: i, problem })?;
    }
    forest.complete = Complete::new(&forest);
    Ok(forest)
}

/// The starting log-odds. The file holds a probability as text, since version 3.1 inside brackets: `"[5.4E-1]"`.
fn base_margin(text: &str) -> Result<f32, ModelError> {
    let malformed = || ModelError::Malformed { field: "base_score", found: text.to_owned() };
    let number = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let p: f32 = number.trim().parse().map_err(|_| malformed())?;
    if p > 0.0 && p < 1.0 { Ok(-(1.0 / p - 1.0).ln()) } else { Err(malformed()) }
}

/// Appends one tree, breadth first, siblings side by side. Every node of the file must be reached exactly once.
fn flatten(tree: &Tree, forest: &mut Forest) -> Result<(), String> {
    let count = tree.left_children.len();
    check_lengths(tree)?;
    if forest.nodes.len() + count > NODE_LIMIT {
        return Err(format!("the forest has more than {NODE_LIMIT} nodes"));
    }
    let start = forest.nodes.len();
    // `order[k]` is the file's node that becomes node `k` of the tree, `depths[k]` how far it is from the root.
    let mut order = vec![0_usize];
    let mut depths = vec![0_u32];
    let mut seen = vec![false; count];
    seen[0] = true;
    let mut k = 0;
    while k < order.len() {
        let node = flatten_node(tree, order[k], k, order.len(), forest.features)?;
        if !is_leaf(node, k) {
            for child in [tree.left_children[order[k]], tree.right_children[order[k]]] {
                let child = usize::try_from(child).ok().filter(|&c| c < count);
                let child =
                    child.ok_or_else(|| format!("node {} names a child outside the tree", order[k]))?;
                if std::mem::replace(&mut seen[child], true) {
                    return Err(format!("node {child} has two parents"));
                }
                order.push(child);
                depths.push(depths[k] + 1);
            }
        }
        forest.nodes.push(node);
        forest.values.push(tree.split_conditions[order[k]]);
        forest.default_left.push(tree.default_left[order[k]] != 0);
        k += 1;
    }
    if order.len() != count {
        return Err(format!("{} of its {count} nodes cannot be reached", count - order.len()));
    }
    average(tree, &order, &forest.nodes[start..], &mut forest.values[start..]);
    let depth = depths.last().copied().unwrap_or(0);
    forest.trees.push(forest::Tree { start: index(start), count: index(count), depth });
    Ok(())
}

fn check_lengths(tree: &Tree) -> Result<(), String> {
    let count = tree.left_children.len();
    let lengths = [
        tree.right_children.len(),
        tree.split_indices.len(),
        tree.split_conditions.len(),
        tree.default_left.len(),
    ];
    if count == 0 {
        return Err("it has no nodes".to_owned());
    }
    if lengths != [count; 4] {
        return Err(format!("its arrays differ in length: {count} left children, others {lengths:?}"));
    }
    if tree.split_type.iter().any(|&t| t != 0) {
        return Err("it splits on categories, which no feature of ours is".to_owned());
    }
    if count > TREE_LIMIT {
        return Err(format!("it has {count} nodes, more than {TREE_LIMIT}"));
    }
    Ok(())
}

fn is_leaf(node: Node, k: usize) -> bool {
    usize::from(node.left) == k
}

/// Node `k` of the tree, which is node `i` of the file; `left` is where its left child will stand.
fn flatten_node(tree: &Tree, i: usize, k: usize, left: usize, features: usize) -> Result<Node, String> {
    let value = tree.split_conditions[i];
    if !value.is_finite() {
        return Err(format!("node {i} holds a value that is not a number"));
    }
    let one_child = match (tree.left_children[i], tree.right_children[i]) {
        (-1, -1) => return Ok(Node { threshold: f32::INFINITY, left: place(k), feature: 0 }),
        (-1, _) | (_, -1) => true,
        _ => false,
    };
    if one_child {
        return Err(format!("node {i} has one child"));
    }
    let feature = usize::try_from(tree.split_indices[i]).ok().filter(|&f| f < features);
    let feature = feature.and_then(|f| u16::try_from(f).ok());
    let feature = feature.ok_or_else(|| format!("node {i} splits on feature {}", tree.split_indices[i]))?;
    Ok(Node { threshold: value, left: place(left), feature })
}

/// Replaces the thresholds among `values` by the means of the leaves below. Children stand after their parents.
fn average(tree: &Tree, order: &[usize], nodes: &[Node], values: &mut [f32]) {
    let weigh = |k: usize| tree.sum_hessian.get(order[k]).copied().filter(|w| *w > 0.0 && w.is_finite());
    for k in (0..nodes.len()).rev().filter(|&k| !is_leaf(nodes[k], k)) {
        let left = usize::from(nodes[k].left);
        let [a, b] = [left, left + 1].map(|child| weigh(child).unwrap_or(1.0));
        values[k] = (values[left] * a + values[left + 1] * b) / (a + b);
    }
}

fn place(i: usize) -> u16 {
    u16::try_from(i).expect("TREE_LIMIT keeps places in 16 bits")
}

fn index(i: usize) -> u32 {
    u32::try_from(i).expect("NODE_LIMIT keeps indexes in 32 bits")
}
