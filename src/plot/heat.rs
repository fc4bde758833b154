//! Cells between two lists of names: a colour for each value, the value in it, and the scale of colours.
//!
//! Contract: the colours are viridis, which grows evenly in lightness, so that order is seen without
//! colour; a value stands on its colour with the better contrast of black and white. What was not measured
//! is grey and says so.

use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::colors::colormaps::ViridisRGB;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, TextStyle};

use super::Heat;
use super::draw::{Area, Drawn, FAINT, FONT, INK, Plane, clean, write};

/// Height of the scale of colours where it stands below the plane.
pub(super) const LEGEND_BELOW: u32 = 84;

/// Steps of the scale of colours.
const STEPS: i32 = 64;

/// Nearly white and nearly black: a dark page exchanges the black and white of ink and paper, these stay.
const LIGHT: RGBColor = RGBColor(254, 254, 254);
const DARK: RGBColor = RGBColor(1, 1, 1);
const NOTHING: RGBColor = RGBColor(226, 226, 226);

/// The least and the greatest value; none where nothing was measured.
fn ends(heat: &Heat) -> Option<(f64, f64)> {
    let values = || heat.rows.iter().flatten().flatten().filter(|value| value.is_finite());
    let low = values().copied().reduce(f64::min)?;
    Some((low, values().copied().fold(low, f64::max)))
}

fn viridis(value: f64, (low, high): (f64, f64)) -> RGBColor {
    let share = if high > low { (value - low) / (high - low) } else { 0.5 };
    ViridisRGB::get_color(share.clamp(0.0, 1.0))
}

/// Relative luminance (WCAG 2.2).
fn luminance(colour: RGBColor) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(colour.0) + 0.7152 * linear(colour.1) + 0.0722 * linear(colour.2)
}

/// Contrast of two colours (WCAG 2.2), 1 to 21.
pub(super) fn contrast(one: RGBColor, other: RGBColor) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// The colour of letters on a ground.
pub(super) fn letters_on(ground: RGBColor) -> RGBColor {
    if contrast(LIGHT, ground) > contrast(DARK, ground) {
        LIGHT
    } else {
        DARK
    }
}

/// The cells; those without a name on both axes are left out.
pub(super) fn draw(plane: &mut Plane<'_, '_>, heat: &Heat, columns: usize, rows: usize) -> Drawn {
    let ends = ends(heat);
    let (width, height) = plane.plotting_area().dim_in_pixel();
    let cell = (width / cells(columns), height / cells(rows));
    for (y, row) in (0_u32..).zip(heat.rows.iter().take(rows)) {
        for (x, value) in (0_u32..).zip(row.iter().take(columns)) {
            let (x, y) = (f64::from(x), f64::from(y));
            let corners = [(x - 0.49, y + 0.49), (x + 0.49, y - 0.49)];
            let shown = value.filter(|value| value.is_finite()).zip(ends);
            let (ground, text) = match shown {
                Some((value, ends)) => (viridis(value, ends), heat.quantity.say(value)),
                None if cell.0 >= 96 => (NOTHING, "not measured".to_owned()),
                None => (NOTHING, "n/m".to_owned()),
            };
            plane.draw_series([Rectangle::new(corners, ground.filled())])?;
            // Letters about half as wide as high.
            let fit = 2 * cell.0 / u32::try_from(text.chars().count().max(1)).unwrap_or(1);
            let size = fit.min(cell.1).min(15);
            if size >= 7 {
                let ink = letters_on(ground);
                let style = TextStyle::from((FONT, size).into_font())
                    .color(&ink)
                    .pos(Pos::new(HPos::Center, VPos::Center));
                plane.draw_series([Text::new(clean(&text), (x, y), style)])?;
            }
        }
    }
    Ok(())
}

fn cells(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX).max(1)
}

/// The scale of colours: upright beside the plane, or lying below it in `below` pixels.
pub(super) fn legend(heat: &Heat, area: &Area<'_>, below: u32) -> Drawn {
    let Some((low, high)) = ends(heat) else {
        return write(area, "nothing measured", (6, 16), 14, FAINT);
    };
    write(area, &heat.label, (6, 12), 14, FAINT)?;
    let lying = below > 0;
    let (width, height) = area.dim_in_pixel();
    let length = if lying {
        width.min(400) - 24
    } else {
        height.saturating_sub(120).min(280)
    };
    let length = i32::try_from(length).unwrap_or(0);
    let at = |share: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "a pixel within the length")]
        let offset = (share * f64::from(length)).round() as i32;
        if lying { 6 + offset } else { 40 + length - offset }
    };
    for step in 0..STEPS {
        let (from, to) = (
            f64::from(step) / f64::from(STEPS),
            f64::from(step + 1) / f64::from(STEPS),
        );
        let colour = ViridisRGB::get_color(from.midpoint(to));
        let corners = if lying {
            [(at(from), 36), (at(to), 52)]
        } else {
            [(6, at(to)), (22, at(from))]
        };
        area.draw(&Rectangle::new(corners, colour.filled()))?;
    }
    let shares: &[f64] = if high > low { &[0.0, 0.5, 1.0] } else { &[0.5] };
    for share in shares {
        let text = heat.quantity.say(low + share * (high - low));
        if lying {
            area.draw(&PathElement::new(vec![(at(*share), 52), (at(*share), 57)], FAINT))?;
            let half = i32::try_from(text.chars().count()).unwrap_or(0) * 7;
            #[expect(clippy::cast_possible_truncation, reason = "a few letters")]
            let back = (share * f64::from(half)) as i32;
            write(area, &text, ((at(*share) - back).max(2), 60), 14, INK)?;
        } else {
            area.draw(&PathElement::new(vec![(22, at(*share)), (27, at(*share))], FAINT))?;
            write(area, &text, (32, at(*share) - 6), 14, INK)?;
        }
    }
    Ok(())
}
