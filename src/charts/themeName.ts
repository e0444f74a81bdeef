// Apart from the themes: the library's declarations take nothing else of the charts, and Vega's need the types of a page.

/** `css` leaves the choice to the page a chart stands in: its colours are variables, see `paletteCss`. */
export type ThemeName = 'light' | 'dark' | 'css';
