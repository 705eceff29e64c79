// Opens each page of the book in Chromium, as `check.sh` says; exits with 1 if anything is amiss.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [book, part] = process.argv.slice(2);
const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = path.join(book, ".screenshots");
const amiss = [];

const pages = fs
  .readdirSync(book, { recursive: true })
  .filter((file) => file.endsWith(".html") && !/(^|\/)[._]/.test(file) && file.includes(part));

// What a page shows in one window: faults of access, what is wider than the window.
async function look(page, file, name) {
  await page.goto(`file://${book}/${file}`);
  await page.evaluate(() => document.querySelectorAll("details").forEach((d) => (d.open = true)));
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wider > 1) amiss.push(`${file}, ${name}: ${wider} px too wide`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run({ preload: false, resultTypes: ["violations"] }));
  for (const { impact, id, nodes } of violations)
    if (["serious", "critical"].includes(impact))
      amiss.push(`${file}, ${name}: ${impact} ${id}: ${nodes[0].html.slice(0, 120)}`);
}

// Words that must be found without a server, in the language of their book.
async function search(page, folder, words) {
  for (const word of words) {
    await page.goto(`file://${book}/${folder}search.html?q=${encodeURIComponent(word)}`);
    await page.locator("ul.search li a").first().waitFor({ timeout: 8000 }).catch(() => {});
    const found = await page.locator("ul.search li a").count();
    console.log(`search ${folder}${word}: ${found}`);
    if (!found) amiss.push(`search ${folder}: ${word} is not found`);
  }
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox"],
});
fs.mkdirSync(shots, { recursive: true });
for (const colorScheme of ["light", "dark"])
  for (const [width, isMobile] of [[1280, false], [390, true]]) {
    const name = `${width} px ${colorScheme}`;
    const viewport = { width, height: 900 };
    const context = await browser.newContext({ colorScheme, viewport, isMobile, offline: true });
    const page = await context.newPage();
    page.on("console", (m) => m.type() === "error" && amiss.push(`${page.url()}: ${m.text()}`));
    page.on("pageerror", (error) => amiss.push(`${page.url()}: ${error.message}`));
    for (const [index, file] of pages.entries()) {
      await look(page, file, name);
      if (index % 10 === 0)
        await page.screenshot({ path: `${shots}/${file.replaceAll("/", "-")} ${name}.png` });
    }
    await context.close();
  }

const context = await browser.newContext({ offline: true });
const page = await context.newPage();
const printed = pages.find((file) => /^\d.*\d[a-z]?\.html$/.test(file)) ?? pages[0];
await page.goto(`file://${book}/${printed}`);
await page.pdf({ path: `${shots}/print.pdf`, format: "A4" });
const number = path.basename(printed, ".html");
await search(page, "", [number, "keepdim", "∇", "‖x‖₂", "XᵀX", "subgradient"]);
await search(page, "zh/", [number, "广播", "方阵", "悄悄地除错了方向"]);
await browser.close();

console.log(`${pages.length} pages, ${amiss.length} amiss`, ...amiss.map((line) => `\n${line}`));
process.exit(amiss.length ? 1 : 0);
