/** How large files are, in words. */

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

/** In units of a thousand, as file managers have it. */
export function fileSize(bytes: number, language: string): string {
  const step = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length - 1);
  const unit = UNITS[step] ?? "byte";
  const value = bytes / 1000 ** step;
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit,
    unitDisplay: step === 0 ? "long" : "short",
    maximumFractionDigits: value < 10 ? 1 : 0,
  }).format(value);
}
