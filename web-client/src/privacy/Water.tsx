// A quiet band of water over the page: level on the left, over the crest, lower on the right.

const LINES = 8;

export function Water() {
  return (
    <svg className="water" viewBox="0 0 1200 150" preserveAspectRatio="none" fill="none" aria-hidden="true">
      {Array.from({ length: LINES }, (_, index) => {
        const top = 74 + index * 8;
        const after = top + 22 + index * 4;
        const crest = 620 + index * 16;
        return (
          <path
            key={index}
            d={`M-10 ${top} C 200 ${top - 3} ${crest - 160} ${top - 2} ${crest} ${top + 1} S ${crest + 120} ${after} ${crest + 220} ${after} S 1100 ${after - 5} 1210 ${after}`}
            stroke="currentColor"
            strokeOpacity={0.6 - index * 0.055}
            strokeWidth="1.4"
            vectorEffect="non-scaling-stroke"
          />
        );
      })}
    </svg>
  );
}
