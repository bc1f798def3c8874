// Numbers, amounts and days as people read them.

const LOCALE = document.documentElement.lang;
const whole = new Intl.NumberFormat(LOCALE);
const short = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const dayOnly = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", timeZone: "UTC" });
const month = new Intl.DateTimeFormat(LOCALE, { month: "short", year: "numeric", timeZone: "UTC" });
const weekday = new Intl.DateTimeFormat(LOCALE, { weekday: "long", timeZone: "UTC" });
const moneys = new Map();

/** An exact amount, which comes as text, in its currency. */
export function money(amount, currency) {
  if (amount === null || amount === undefined || amount === "") return "–";
  if (!/^[A-Z]{3}$/.test(currency ?? "")) return whole.format(amount);
  if (!moneys.has(currency)) {
    moneys.set(currency, new Intl.NumberFormat(LOCALE, { style: "currency", currency, currencyDisplay: "narrowSymbol" }));
  }
  return moneys.get(currency).format(amount);
}

export const count = (number) => (number === null || number === undefined ? "–" : whole.format(number));
export const brief = (number) => short.format(number);
export const many = (number, one, more) => `${count(number)} ${number === 1 ? one : more}`;

const at = (text) => new Date(`${text.slice(0, 10)}T00:00:00Z`);
const told = (format, text) => {
  const time = at(text);
  return Number.isNaN(time.getTime()) ? text : format.format(time);
};

export const dayText = (text) => told(day, text);
export const shortDay = (text) => told(dayOnly, text);
export const monthText = (text) => told(month, `${text.slice(0, 7)}-01`);
/** The name of a weekday, Monday being 1. */
export const weekdayText = (number) => weekday.format(new Date(Date.UTC(2024, 0, Number(number))));
export const hourText = (hour) => `${String(hour).padStart(2, "0")}:00`;

export const isoDay = (time) => time.toISOString().slice(0, 10);
export const daysBefore = (text, days) => isoDay(new Date(at(text).getTime() - days * 86_400_000));
export const today = () => isoDay(new Date());
/** First and last day of a month such as `2026-11`. */
export function daysOfMonth(text) {
  const [year, number] = text.split("-").map(Number);
  return [`${text.slice(0, 7)}-01`, isoDay(new Date(Date.UTC(year, number, 0)))];
}
/** Without accents and in small letters, to compare what was typed with what there is. */
export const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
