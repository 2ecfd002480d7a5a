//! The figures: who can be drawn, where in a scene each belongs, and the one door to draw it.
//!
//! Every figure stands on y = 0, is about 100 units tall and looks to the right. Figures know nothing of the
//! page or the prompt, only their [`Look`].

// Tables of words and of points are laid out by hand: one item per line would hide the shape.
#[rustfmt::skip]
mod critters;
#[rustfmt::skip]
mod faces;
#[rustfmt::skip]
mod folk;
#[rustfmt::skip]
mod nature;
#[rustfmt::skip]
mod things;
#[rustfmt::skip]
mod vehicles;
#[rustfmt::skip]
mod wildlife;

use super::keywords::{Action, Subject};
use super::palette::Rgb;
use super::pen::Pen;
use super::rng::Rng;

/// How a figure shall look this time.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own, and all may come together")]
pub(super) struct Look {
    /// The colour that the prompt gives it.
    pub(super) coat: Option<Rgb>,
    pub(super) action: Action,
    pub(super) accents: [Rgb; 4],
    pub(super) night: bool,
    /// Snow lies on roofs.
    pub(super) snow: bool,
    /// It wears a space suit.
    pub(super) suit: bool,
    pub(super) glasses: bool,
    pub(super) hat: Option<Rgb>,
    pub(super) rng: Rng,
}

impl Look {
    fn coat(&self, usual: Rgb) -> Rgb {
        self.coat.unwrap_or(usual)
    }

    fn accent(&self, nth: usize) -> Rgb {
        let [first, ..] = self.accents;
        self.accents.get(nth % self.accents.len()).copied().unwrap_or(first)
    }
}

/// Where in a scene a figure belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// In front, on the ground.
    Hero,
    /// Big, on the horizon behind the heroes.
    Landmark,
    /// In the sky.
    Air,
    /// In or on the water.
    Water,
}

/// What a scene must know to place a figure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile {
    pub(super) role: Role,
    /// Height against that of a usual hero.
    pub(super) tall: f32,
    /// Width of the drawing in units of its height.
    pub(super) wide: f32,
}

pub(super) const fn profile(subject: Subject) -> Profile {
    use Subject as S;
    let (role, tall, wide) = match subject {
        S::Corgi | S::Pig | S::Wolf | S::Fox | S::Dog | S::Tiger | S::Lion | S::Cow | S::Sheep => {
            (Role::Hero, 1.0, 1.25)
        }
        S::Cat | S::Rabbit | S::Mouse | S::Panda | S::Bear | S::Owl | S::Penguin | S::Chick | S::Snowman => {
            (Role::Hero, 1.0, 1.0)
        }
        S::Horse | S::Unicorn | S::Deer => (Role::Hero, 1.15, 1.1),
        S::Girl | S::Boy | S::Person | S::Santa | S::Wizard | S::Astronaut | S::Robot => {
            (Role::Hero, 1.15, 0.75)
        }
        S::Car => (Role::Hero, 0.72, 2.0),
        S::Train => (Role::Hero, 0.8, 2.4),
        S::Bird | S::Butterfly => (Role::Air, 0.6, 1.2),
        S::Plane => (Role::Air, 0.7, 1.7),
        S::Rocket => (Role::Air, 1.1, 0.6),
        S::Balloon | S::Lantern => (Role::Air, 0.95, 0.75),
        S::Dragon => (Role::Air, 1.0, 2.3),
        S::Heart => (Role::Air, 0.7, 1.1),
        S::Fish | S::Turtle => (Role::Water, 0.7, 1.5),
        S::Whale => (Role::Water, 0.9, 1.7),
        S::Boat => (Role::Water, 1.0, 1.0),
        S::House | S::Cabin | S::Castle | S::Temple | S::Windmill | S::Lighthouse => {
            (Role::Landmark, 1.35, 1.0)
        }
        S::Tree | S::Blossom | S::Pine | S::ChristmasTree | S::Bamboo => (Role::Landmark, 1.4, 0.9),
        S::Tent => (Role::Hero, 0.8, 1.4),
        S::Flower | S::Sunflower | S::Mushroom => (Role::Hero, 0.95, 0.8),
        S::Cake | S::Noodles | S::Dish | S::Cup | S::Apple | S::Gift | S::Book | S::Guitar | S::Umbrella => {
            (Role::Hero, 0.85, 1.1)
        }
    };
    Profile { role, tall, wide }
}

/// Draws one figure.
pub(super) fn draw(subject: Subject, pen: &mut Pen<'_>, look: &Look) {
    use Subject as S;
    match subject {
        // In a space suit, of which only the head is its own.
        _ if look.suit => folk::person(subject, pen, look),
        S::Corgi
        | S::Dog
        | S::Cat
        | S::Rabbit
        | S::Fox
        | S::Bear
        | S::Panda
        | S::Tiger
        | S::Lion
        | S::Pig
        | S::Cow
        | S::Sheep
        | S::Mouse
        | S::Wolf => critters::draw(subject, pen, look),
        S::Horse | S::Unicorn | S::Deer => wildlife::horse(subject, pen, look),
        S::Bird => wildlife::bird(pen, look),
        S::Penguin | S::Owl | S::Chick => wildlife::round_bird(subject, pen, look),
        S::Fish => wildlife::fish(pen, look),
        S::Whale => wildlife::whale(pen, look),
        S::Butterfly => wildlife::butterfly(pen, look),
        S::Dragon => wildlife::dragon(pen, look),
        S::Turtle => wildlife::turtle(pen, look),
        S::Girl | S::Boy | S::Person | S::Santa | S::Astronaut | S::Wizard => {
            folk::person(subject, pen, look);
        }
        S::Robot => folk::robot(pen, look),
        S::Snowman => folk::snowman(pen, look),
        S::Car => vehicles::car(pen, look),
        S::Train => vehicles::train(pen, look),
        S::Boat => vehicles::boat(pen, look),
        S::Plane => vehicles::plane(pen, look),
        S::Rocket => vehicles::rocket(pen, look),
        S::Balloon => vehicles::balloon(pen, look),
        S::House => nature::house(pen, look),
        S::Cabin => nature::cabin(pen, look),
        S::Castle => nature::castle(pen, look),
        S::Temple => nature::temple(pen, look),
        S::Lighthouse => nature::lighthouse(pen, look),
        S::Windmill => nature::windmill(pen, look),
        S::Tree | S::Blossom => nature::tree(subject, pen, look),
        S::Pine | S::ChristmasTree => nature::pine(subject, pen, look),
        S::Bamboo => nature::bamboo(pen, look),
        S::Flower | S::Sunflower => nature::flower(subject, pen, look),
        S::Mushroom => nature::mushroom(pen, look),
        S::Tent => things::tent(pen, look),
        S::Cake => things::cake(pen, look),
        S::Noodles => things::noodles(pen, look),
        S::Dish => things::dish(pen, look),
        S::Cup => things::cup(pen, look),
        S::Apple => things::apple(pen, look),
        S::Book => things::book(pen, look),
        S::Heart => things::heart(pen, look),
        S::Lantern => things::lantern(pen, look),
        S::Umbrella => things::umbrella(pen, look),
        S::Gift => things::gift(pen, look),
        S::Guitar => things::guitar(pen, look),
    }
}

pub(super) use faces::hat;
pub(super) use nature::{fir, flower_head};
pub(super) use things::open_book;
