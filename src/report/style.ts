import { FONT_STACK, fontFaceCss } from '../charts/font.ts';
import { paletteCss } from '../charts/theme.ts';

/** The page's style: one column that reads well from a phone to a desk, light or dark as the reader has it. */
export function pageStyle(): string {
  return `${fontFaceCss()}
:root{color-scheme:light dark;${paletteCss('light')};--card:#f6f8fa;--line:#dde2e8;--accent:#005a8f;--good:#00704f;--warn:#8a4b00;--warn-card:#fff4e0}
@media (prefers-color-scheme:dark){:root{${paletteCss('dark')};--card:#1c2229;--line:#303841;--accent:#7cc4f2;--good:#4bd0a2;--warn:#ffc078;--warn-card:#33270f}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--chart-background);color:var(--chart-ink);font:400 1rem/1.55 ${FONT_STACK};font-feature-settings:'kern'}
main,header,footer{max-width:68rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:3rem}
h1{font-size:clamp(1.6rem,4vw,2.4rem);line-height:1.15;font-weight:600;margin:0 0 .75rem;letter-spacing:-.012em;overflow-wrap:anywhere}
h2{font-size:1.35rem;line-height:1.25;font-weight:600;margin:0 0 .5rem;letter-spacing:-.006em}
h3{font-size:1rem;font-weight:600;margin:1.5rem 0 .5rem}
p{margin:0 0 .9rem;max-width:44rem}
.lead{font-size:1.08rem;color:var(--chart-ink)}
.muted,caption,figcaption,small,.note{color:var(--chart-muted)}
.note,figcaption,caption{font-size:.86rem;line-height:1.45}
section{padding:2.25rem 0 0;margin-top:2.25rem;border-top:1px solid var(--line)}
a{color:var(--accent);text-underline-offset:.18em}
a:focus-visible,[tabindex]:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:3px;border-radius:2px}
nav ul{display:flex;flex-wrap:wrap;gap:.3rem 1.15rem;list-style:none;margin:1.5rem 0 0;padding:0;font-size:.92rem}
.warning{background:var(--warn-card);color:var(--warn);border-left:3px solid currentColor;padding:.7rem 1rem;border-radius:0 4px 4px 0;max-width:none}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:1.75rem 0 0;padding:0;list-style:none}
.tiles li{background:var(--card);border-radius:6px;padding:.85rem 1rem .8rem}
.tiles .name{display:block;font-size:.84rem;color:var(--chart-muted)}
.tiles b{display:block;font-size:1.6rem;line-height:1.3;font-weight:600;letter-spacing:-.01em;white-space:nowrap}
.tiles small{font-size:.8rem;white-space:nowrap}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(19rem,100%),1fr));gap:1.25rem 1.5rem;align-items:end;margin:1rem 0}
figure{margin:0}
.chart svg{display:block;max-width:100%;height:auto}
.chart h3{margin:0 0 .25rem}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:0 0 .6rem;max-width:44rem}
th,td{padding:.4rem .8rem;text-align:right;vertical-align:baseline;border-bottom:1px solid var(--line)}
tr>:first-child{padding-left:0}
th{font-weight:600}
thead th{color:var(--chart-muted);font-weight:400;font-size:.84rem;vertical-align:bottom}
td{white-space:nowrap}
th[scope=row],.text{text-align:left}
.text,.settings td{white-space:normal}
tbody th[scope=row]{font-weight:400}
td small{white-space:nowrap;font-size:.82rem}
.best{color:var(--good);font-weight:600}
.matrix{table-layout:fixed;width:min(100%,43rem);border-collapse:separate;border-spacing:2px}
.matrix th,.matrix td{border:0}
.matrix thead th{padding:.2rem 0;text-align:center;color:var(--chart-ink);font-size:.86rem}
.matrix th[scope=row]{width:5.2rem;padding:0 .5rem 0 0;text-align:right;font-size:.86rem;overflow-wrap:anywhere}
.matrix td{padding:.5rem 0;text-align:center;border-radius:3px;line-height:1.25;background:color-mix(in srgb,var(--chart-heat) calc(var(--share)*96.5% + 3.5%),var(--chart-background))}
.matrix td b{display:block;font-weight:600}
.matrix td small{color:inherit;font-size:.74rem}
.matrix .deep{color:var(--chart-onHeat)}
.matrices{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(26rem,100%),1fr));gap:2rem 1.5rem}
.matrices .matrix{width:100%}
.matrices th span{font-size:.8rem}
.faces{display:grid;grid-template-columns:repeat(auto-fill,minmax(10.75rem,1fr));gap:1.1rem .9rem;margin:1rem 0 0;padding:0;list-style:none}
.faces.wide{grid-template-columns:repeat(auto-fill,minmax(13.9rem,1fr))}
.face img{width:84px;height:84px;border-radius:3px;vertical-align:top;background:var(--card)}
.face .fine{image-rendering:pixelated}
.wide .face img{width:72px;height:72px}
.face .pictures{display:flex;gap:3px}
.face figcaption{margin-top:.35rem}
.face figcaption b{color:var(--chart-ink);font-weight:600}
.settings{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(19rem,100%),1fr));gap:0 2.5rem}
.settings table{width:100%;margin-bottom:1rem}
.settings td{overflow-wrap:anywhere}
.settings .changed th,.settings .changed td{font-weight:600}
details summary{cursor:pointer;padding:.4rem 0}
footer{padding-top:2.25rem;padding-bottom:3rem;margin-top:2.75rem;font-size:.86rem;color:var(--chart-muted)}
@media (max-width:34rem){
main,header,footer{padding-left:1rem;padding-right:1rem}
header{padding-top:1.75rem}
section{padding-top:1.6rem;margin-top:1.6rem}
.tiles{grid-template-columns:1fr 1fr}
.tiles b{font-size:1.35rem}
table{font-size:.84rem}
td small{font-size:.74rem}
th,td{padding:.35rem .4rem}
.faces.wide{grid-template-columns:repeat(auto-fill,minmax(10.7rem,1fr))}
.wide .face img{width:55px;height:55px}
.matrix{border-spacing:1px}
.matrix th[scope=row]{width:4.1rem;padding-right:.35rem;font-size:.74rem}
.matrix thead th{font-size:.74rem;height:4.6rem;padding:0;vertical-align:bottom}
.matrix thead span{writing-mode:vertical-rl;transform:rotate(180deg);text-align:left}
.matrix td{padding:.38rem 0;font-size:.74rem;border-radius:2px}
.matrix td small{font-size:.64rem}
}
@media print{section{break-inside:avoid;border-color:#ccc}nav{display:none}}`;
}
