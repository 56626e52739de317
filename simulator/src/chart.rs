//! The figures as a chart: how much is admitted above and below the contract, and at what cost.

use std::fmt::Write;

use crate::report::Row;

const ROW: usize = 16;
const WIDTH: f64 = 300.0;

/// Bars for the middle exponent: over-admission as a part of the burst, under-admission, remote
/// calls a request. Each axis ends at 100 %, or one.
pub(crate) fn draw(rows: &[Row]) -> String {
    let rows: Vec<&Row> = rows
        .iter()
        .filter(|row| (row.scenario.zipf - 1.1).abs() < 0.01)
        .collect();
    let height = ROW * (rows.len() + 3);
    let mut image = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1220\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"1220\" height=\"{height}\" fill=\"white\"/>\n"
    );
    let columns = [
        (260.0, "over-admission, of the burst", "#c0392b"),
        (580.0, "under-admission", "#e08e0b"),
        (900.0, "remote calls a request", "#2471a3"),
    ];
    for (left, title, _) in columns {
        text(&mut image, left, ROW, title);
    }
    for (index, row) in rows.iter().enumerate() {
        let line = ROW * (index + 3);
        let name = format!("{}: {}", row.scenario.name, row.strategy);
        text(&mut image, 8.0, line, &name);
        #[expect(clippy::cast_precision_loss, reason = "tokens")]
        let over = row.figures.over as f64 / f64::from(row.scenario.burst);
        let values = [over, row.figures.under, row.figures.calls];
        for ((left, _, colour), value) in columns.into_iter().zip(values) {
            let width = value.min(1.0) * WIDTH;
            // Writing to text does not fail.
            let _ = writeln!(
                image,
                "<rect x=\"{left}\" y=\"{}\" width=\"{width:.1}\" height=\"11\" fill=\"{colour}\"/>",
                line - 10
            );
        }
    }
    image.push_str("</svg>\n");
    image
}

fn text(image: &mut String, left: f64, line: usize, text: &str) {
    let _ = writeln!(image, "<text x=\"{left}\" y=\"{line}\">{text}</text>");
}
