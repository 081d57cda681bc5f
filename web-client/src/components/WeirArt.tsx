// The big picture behind the doors: level water, a crest, and the calmer, lower water after it.

const LINES = 26;
const WIDTH = 800;

export function WeirArt() {
  return (
    <svg viewBox={`0 0 ${WIDTH} 1000`} preserveAspectRatio="xMidYMid slice" fill="none" aria-hidden="true">
      {Array.from({ length: LINES }, (_, index) => (
        <path key={index} d={flow(index)} stroke="#7fd6d2" strokeOpacity={opacity(index)} strokeWidth={index % 5 === 0 ? 2 : 1.1} strokeLinecap="round" />
      ))}
    </svg>
  );
}

function flow(index: number): string {
  const top = 150 + index * 11;
  const crest = 300 + index * 5;
  const drop = 170 + index * 12;
  const after = top + drop;
  const swell = 9 + (index % 4) * 3;
  const pace = 120 + (index % 3) * 22;
  let path = `M-20 ${top} C ${crest * 0.5} ${top - 4} ${crest - 40} ${top - 2} ${crest} ${top + 3}`;
  path += ` C ${crest + 70} ${top + 12} ${crest + 38} ${after - 8} ${crest + 128} ${after}`;
  for (let x = crest + 128, up = true; x < WIDTH + 60; x += pace, up = !up) {
    path += ` q ${pace / 2} ${up ? -swell : swell} ${pace} 0`;
  }
  return path;
}

function opacity(index: number): number {
  return Math.max(0.05, 0.62 - index * 0.023);
}
