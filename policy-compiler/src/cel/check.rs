//! The type checker: from the syntax tree to the tree of operations. What is wrong is noted, and
//! taken as `dyn` from there on, so that one mistake is one finding.

mod call;
mod name;
mod operator;

use std::ops::Range;

use tidegate_shared::condition::{Binary, Constant, Macro, Unary};

use super::expression::{Each, Expression, Kind};
use super::tree::Tree;
use super::{Environment, Finding, Type};

/// Checks an expression.
pub(super) fn check(
    expression: &Expression,
    environment: &Environment,
) -> Result<(Tree, Type), Vec<Finding>> {
    let mut checker = Checker {
        environment,
        locals: Vec::new(),
        findings: Vec::new(),
    };
    let checked = checker.check(expression);
    if checker.findings.is_empty() {
        Ok(checked)
    } else {
        checker
            .findings
            .sort_by_key(|finding| (finding.span.start, finding.span.end));
        Err(checker.findings)
    }
}

struct Checker<'e> {
    environment: &'e Environment,
    /// The variables of the comprehensions around, innermost last.
    locals: Vec<(String, Type)>,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn check(&mut self, expression: &Expression) -> (Tree, Type) {
        let span = &expression.span;
        match &expression.kind {
            Kind::Literal(constant) => (Tree::Constant(constant.clone()), Type::of(constant)),
            Kind::Name(_) => self.name(expression),
            Kind::Member(operand, name) => self.member(expression, operand, name),
            Kind::Has(operand, name) => self.has(operand, name),
            Kind::Index(operand, index) => self.index(operand, index),
            Kind::Call(call) => self.call(call, span),
            Kind::List(items) => {
                let items: Vec<(Tree, Type)> = items.iter().map(|item| self.check(item)).collect();
                let (items, types): (Vec<Tree>, Vec<Type>) = items.into_iter().unzip();
                let element = types.into_iter().reduce(Type::join).unwrap_or(Type::Dyn);
                (Tree::List(items), Type::list(element))
            }
            Kind::Map(entries) => self.map(entries),
            Kind::Unary(function, operand) => self.unary(*function, operand, span),
            Kind::Binary(Binary::In, one, other) => self.within(one, other, span),
            Kind::Binary(function, one, other) => self.binary(*function, one, other, span),
            Kind::And(operands) => (Tree::And(self.booleans(operands)), Type::Bool),
            Kind::Or(operands) => (Tree::Or(self.booleans(operands)), Type::Bool),
            Kind::If(three) => {
                let [condition, one, other] = &**three;
                let condition = self.boolean(condition);
                let (one, type_one) = self.check(one);
                let (other, type_other) = self.check(other);
                if !type_one.meets(&type_other) {
                    let message =
                        format!("the two sides of `?:` differ: {type_one} and {type_other}");
                    self.fail(span.clone(), message);
                }
                let of = type_one.join(type_other);
                (Tree::If(Box::new([condition, one, other])), of)
            }
            Kind::Each(each) => self.each(each),
        }
    }

    /// Notes what is wrong.
    fn note(&mut self, finding: Finding) -> (Tree, Type) {
        self.findings.push(finding);
        (Tree::Constant(Constant::Null), Type::Dyn)
    }

    fn fail(&mut self, span: Range<usize>, message: impl Into<String>) -> (Tree, Type) {
        self.note(Finding::new(span, message))
    }

    fn boolean(&mut self, expression: &Expression) -> Tree {
        let (tree, of) = self.check(expression);
        if !of.meets(&Type::Bool) {
            let message = format!("a boolean is expected here, not {of}");
            self.fail(expression.span.clone(), message);
        }
        tree
    }

    fn booleans(&mut self, expressions: &[Expression]) -> Vec<Tree> {
        let checked = expressions.iter().map(|one| self.boolean(one));
        checked.collect()
    }

    fn map(&mut self, entries: &[(Expression, Expression)]) -> (Tree, Type) {
        let mut trees = Vec::with_capacity(entries.len());
        let mut of: Option<(Type, Type)> = None;
        for (key, value) in entries {
            let (key_tree, key_type) = self.check(key);
            let may_be_key = matches!(
                key_type,
                Type::Dyn | Type::Bool | Type::Int | Type::Uint | Type::String
            );
            if !may_be_key {
                let message =
                    format!("the key of a map is a bool, int, uint or string, not {key_type}");
                self.fail(key.span.clone(), message);
            }
            let (value_tree, value_type) = self.check(value);
            trees.push((key_tree, value_tree));
            of = Some(match of {
                None => (key_type, value_type),
                Some((keys, values)) => (keys.join(key_type), values.join(value_type)),
            });
        }
        let (keys, values) = of.unwrap_or((Type::Dyn, Type::Dyn));
        (Tree::Map(trees), Type::map(keys, values))
    }

    fn each(&mut self, each: &Each) -> (Tree, Type) {
        let (range, over) = self.check(&each.range);
        let element = match over {
            Type::List(element) => *element,
            Type::Map(key, _) => *key,
            Type::Dyn => Type::Dyn,
            other => {
                let message = format!("a list or a map is expected here, not {other}");
                self.fail(each.range.span.clone(), message).1
            }
        };
        self.locals.push((each.variable.clone(), element.clone()));
        let (body, result) = match each.kind {
            Macro::Map => self.check(&each.body),
            Macro::All | Macro::Exists | Macro::ExistsOne | Macro::Filter => {
                (self.boolean(&each.body), Type::Bool)
            }
        };
        self.locals.pop();
        let of = match each.kind {
            Macro::All | Macro::Exists | Macro::ExistsOne => Type::Bool,
            Macro::Map => Type::list(result),
            Macro::Filter => Type::list(element),
        };
        (Tree::Each(each.kind, Box::new([range, body])), of)
    }

    fn unary(
        &mut self,
        function: Unary,
        operand: &Expression,
        span: &Range<usize>,
    ) -> (Tree, Type) {
        if function == Unary::Not {
            let operand = self.boolean(operand);
            return (Tree::Unary(function, Box::new(operand)), Type::Bool);
        }
        let (operand, of) = self.check(operand);
        if !matches!(of, Type::Dyn | Type::Int | Type::Double) {
            return self.fail(span.clone(), format!("`-` is not defined for {of}"));
        }
        (Tree::Unary(function, Box::new(operand)), of)
    }
}
