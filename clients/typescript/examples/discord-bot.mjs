// A bot that remembers what people tell it, finds their themes and recalls, and never blocks. Needs: npm install discord.js
// reverie, a running `reverie up`, DISCORD_TOKEN, REVERIE_API_KEY.
import { Client, Events, GatewayIntentBits, MessageFlags, SlashCommandBuilder } from "discord.js";
import { Reverie } from "reverie";

const ai = new Reverie();
const bot = new Client({ intents: [GatewayIntentBits.Guilds], rest: { api: process.env.DISCORD_API } });

const commands = {
  async remember(interaction, user) {
    await user.remember(interaction.options.getString("text"), { source: `/remember in ${interaction.channelId}` });
    return "Remembered.";
  },
  async recall(interaction, user) {
    const { memories } = await user.recall(interaction.options.getString("text"), { top: 3 });
    return memories.map((memory) => `- ${memory.text}`).join("\n") || "Nothing yet.";
  },
  async themes(interaction, user) {
    await (await user.upkeep()).result(); // the themes follow by themselves as well, half a minute later
    const { themes } = await user.themes();
    return themes.map((theme) => `**${theme.label}** (${theme.size})`).join("\n") || "None yet.";
  },
  forget: async (interaction, user) => `Erased: ${(await user.erase()).memories ?? "all"} memories.`,
};
const command = (name, what) => new SlashCommandBuilder().setName(name).setDescription(what);
const withText = (made) => made.addStringOption((o) => o.setName("text").setDescription("Your words").setRequired(true));
const menu = [withText(command("remember", "Remember a text")), withText(command("recall", "What bears on a question")),
  command("themes", "Your themes"), command("forget", "Erase all that is kept on you")];

bot.once(Events.ClientReady, () => bot.application.commands.set(menu));
bot.on(Events.InteractionCreate, async (interaction) => {
  // Discord waits three seconds for this, and fifteen minutes for the answer.
  await interaction.deferReply({ flags: MessageFlags.Ephemeral });
  const answer = commands[interaction.commandName](interaction, ai.user(interaction.user.id));
  await interaction.editReply(await answer.catch((error) => `That did not work: ${error.message}`));
});
await bot.login(process.env.DISCORD_TOKEN);
