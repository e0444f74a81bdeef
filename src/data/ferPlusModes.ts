/** How the votes of FER+ become labels: that of the majority, or one drawn from the votes in every epoch. */
export const FER_PLUS_MODES = ['majority', 'soft'] as const;
export type FerPlusMode = (typeof FER_PLUS_MODES)[number];
