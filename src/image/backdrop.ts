/** What transparent parts are shown on: mid-grey adds the weakest edge to a face cut out of its background. */
export const BACKDROP = 128;
