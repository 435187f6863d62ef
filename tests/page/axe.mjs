// Looks at the pages of a running server in a real Chromium: axe finds no violation, everything is readable with scripts
// off, and a picture of each is taken. By hand, not in CI:
//
//     npm install --ignore-scripts --prefix FOLDER axe-core@4.14.1 playwright-core@1.65.1
//     NODE_PATH=FOLDER/node_modules node tests/page/axe.mjs "$(trunkline link --browser)" PICTURES [PATH...]
//
// CHROMIUM names another browser than /usr/bin/chromium, IGNORE_TLS=1 takes a certificate of one's own.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";

const require = createRequire(`${process.env.NODE_PATH ?? process.cwd()}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [signIn, pictures, ...paths] = process.argv.slice(2);
const origin = new URL(signIn).origin;
mkdirSync(pictures, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
const ignoreHTTPSErrors = process.env.IGNORE_TLS === "1";
// The form works without scripts.
const first = await browser.newContext({ ignoreHTTPSErrors, javaScriptEnabled: false });
const door = await first.newPage();
await door.goto(signIn);
await door.screenshot({ path: `${pictures}/sign-in.png` });
await door.click("button");
if (new URL(door.url()).pathname !== "/") throw new Error(`not signed in: ${door.url()}`);
const storageState = await first.storageState();
// Every page that the first one leads to, once.
const found = new Set(paths.length ? paths : ["/"]);
for (const path of found) {
  await door.goto(origin + path);
  const links = await door.$$eval("a[href^='/']", (all) => all.map((a) => a.getAttribute("href").split("#")[0]));
  if (!paths.length) links.forEach((link) => found.add(link));
  if (found.size > 60) break;
}
let wrong = 0;
let looked = 0;
const name = (path) => path.replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "services";
for (const colorScheme of ["dark", "light"]) {
  for (const width of [1280, 390]) {
    // With the policy of the page, with axe in it, and without scripts.
    for (const mode of ["strict", "axe", "without"]) {
      const viewport = { width, height: width > 500 ? 900 : 844 };
      const context = await browser.newContext({
        colorScheme, viewport, ignoreHTTPSErrors, storageState,
        javaScriptEnabled: mode !== "without",
        bypassCSP: mode === "axe",
      });
      const page = await context.newPage();
      const told = (text) => { wrong += 1; console.log(`${page.url()}: ${text}`); };
      page.on("pageerror", told);
      page.on("console", (message) => {
        const expected = page.url().endsWith("/nowhere");
        if (message.type() === "error" && !expected) told(message.text());
      });
      for (const path of [...found, "/nowhere"]) {
        await page.goto(origin + path);
        looked += 1;
        const wide = await page.locator("html").boundingBox();
        if (wide.width > width) { wrong += 1; console.log(`${path} is ${wide.width} wide at ${width}`); }
        if (mode === "axe") {
          await page.evaluate(axe);
          const { violations } = await page.evaluate(() => window.axe.run());
          for (const { id, nodes } of violations) {
            wrong += 1;
            console.log(`${path} ${colorScheme} ${width}: ${id}: ${nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
          }
        } else if (mode === "without") {
          await page.screenshot({ path: `${pictures}/${name(path)}-${colorScheme}-${width}.png`, fullPage: true });
        }
      }
      await context.close();
    }
  }
}
await browser.close();
console.log(`${looked} looks at ${found.size + 1} pages, ${wrong} wrong`);
process.exit(wrong ? 1 : 0);
