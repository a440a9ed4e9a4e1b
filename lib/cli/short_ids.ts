/** No fewer, so that what is noted down today still finds the job tomorrow. */
const MIN_LENGTH = 8;

/**
 * How much of the ends of these ids it takes to tell them apart: ids begin with the time, so those of one day
 * begin alike.
 */
export function shortLength(jobIds: Iterable<string>): number {
  // Read backwards, those that end alike are neighbours.
  const sorted = Array.from(new Set(jobIds), (jobId) => [...jobId].reverse().join("")).toSorted();
  return sorted.reduce((length, id, index) => {
    const next = sorted[index + 1];
    let longer = length;
    while (next?.startsWith(id.slice(0, longer))) longer++;
    return longer;
  }, MIN_LENGTH);
}
