/** Signing in at a real provider, and access tokens: who may open rooms, and what people are called. */

import { enter } from "./support/call";
import { startProvider } from "./support/provider";
import { expect, test } from "./support/test";
import { token, tokenKey } from "./support/tokens";

test("who has signed in opens a room under the name that the provider knows, and a stranger does not", async ({
  open,
  room,
  serve,
}) => {
  const provider = await startProvider();
  try {
    const { origin } = await serve(["--opening", "login", ...provider.flags]);
    await provider.serve(origin);

    const stranger = await open(`/${room}#login-failed`, { origin });
    await expect(stranger.getByText("Signing in did not work.")).toBeVisible();
    expect(stranger.url()).toBe(`${origin}/${room}`);
    await stranger.getByLabel("Your name").fill("Eve");
    await stranger.getByRole("button", { name: "Join", exact: true }).click();
    await expect(stranger.getByText("Sign in to open it")).toBeVisible();

    const ada = await open(`/${room}`, { origin });
    await ada.getByRole("link", { name: "Sign in" }).click();
    await ada.getByRole("button", { name: "Go on as Ada" }).click();
    await expect(ada.getByText("Signed in as Ada Lovelace")).toBeVisible();
    await expect(ada.getByLabel("Your name")).toHaveValue("Ada Lovelace");
    expect(ada.url()).toBe(`${origin}/${room}`);
    expect(await ada.evaluate(() => document.cookie), "no script sees the cookie").toBe("");
    await ada.getByRole("button", { name: "Join", exact: true }).click();
    await expect(ada.getByRole("button", { name: "Leave", exact: true })).toBeVisible();

    await enter(stranger, "Eve");
    await expect(
      stranger.getByRole("group", { name: "Ada Lovelace" }).or(stranger.getByText("Ada Lovelace")).first(),
    ).toBeVisible();

    await ada.getByRole("button", { name: "Leave", exact: true }).click();
    await ada.goto(`${origin}/`);
    await ada.getByRole("link", { name: "Sign out" }).click();
    await expect(ada.getByRole("link", { name: "Sign in" })).toBeVisible();
  } finally {
    await provider.stop();
  }
});

test("a link with a token lets its bearer in as what it says, and another is told why it does not", async ({
  open,
  room,
  serve,
}) => {
  const key = await tokenKey();
  try {
    const { origin } = await serve(key.flags);
    const joinAt = async (fragment: string) => {
      const page = await open(`/${room}${fragment}`, { origin });
      expect(page.url(), "nobody reads it over a shoulder").toBe(`${origin}/${room}`);
      await page.getByLabel("Your name").fill("Somebody");
      await page.getByRole("button", { name: "Join", exact: true }).click();
      return page;
    };

    const stranger = await joinAt("");
    await expect(stranger.getByText("It takes an invitation to come in here.")).toBeVisible();
    const mistaken = await joinAt(`#token=${token("another", "Eve")}`);
    await expect(mistaken.getByText("The link that you followed does not let you in")).toBeVisible();

    const ada = await joinAt(`#token=${token(room, "Ada Lovelace")}`);
    await ada.getByRole("button", { name: "More", exact: true }).click();
    await expect(ada.getByRole("button", { name: "Manage the meeting" })).toBeVisible();
    await ada.keyboard.press("Escape");
    await ada.getByRole("button", { name: "People", exact: true }).click();
    await expect(ada.getByRole("complementary", { name: "People" })).toContainText("Ada Lovelace");
    await ada.reload();
    await ada.getByRole("button", { name: "Join", exact: true }).click();
    await expect(ada.getByRole("button", { name: "Leave", exact: true })).toBeVisible();
  } finally {
    await key.remove();
  }
});
