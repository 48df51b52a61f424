/** Signing in at a real provider: who may open rooms, and what people are called. */

import { enter } from "./support/call";
import { startProvider } from "./support/provider";
import { expect, test } from "./support/test";

test("who has signed in opens a room under the name that the provider knows, and a stranger does not", async ({
  open,
  room,
  serve,
}) => {
  const provider = await startProvider();
  try {
    const { origin } = await serve(["--opening", "login", ...provider.flags]);
    await provider.serve(origin);

    const stranger = await open(`/${room}`, { origin });
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
