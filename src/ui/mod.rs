//! The full screen: terminal guard, key map, theme, layout and views. Draws from a snapshot only, never awaits the
//! network.
