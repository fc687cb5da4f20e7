// A bot that groups what people told it into themes, and never blocks. Needs: npm install discord.js reverie, a running
// `reverie up`, DISCORD_TOKEN, REVERIE_API_KEY.
import { Client, Events, GatewayIntentBits, MessageFlags, SlashCommandBuilder } from "discord.js";
import { Reverie } from "reverie";

const ai = new Reverie();
const bot = new Client({ intents: [GatewayIntentBits.Guilds], rest: { api: process.env.DISCORD_API } });
const memories = new Map(); // a real bot keeps these in a database, with consent

const commands = {
  async remember(interaction) {
    const told = [...(memories.get(interaction.user.id) ?? []), interaction.options.getString("text")];
    memories.set(interaction.user.id, told);
    await interaction.reply({ content: "Remembered.", flags: MessageFlags.Ephemeral });
  },
  async themes(interaction) {
    await interaction.deferReply(); // Discord waits three seconds for this, and fifteen minutes for the rest
    const task = await ai.submitClusteringTask(interaction.user.id, memories.get(interaction.user.id) ?? []);
    const { themes } = await task.result({ timeoutMs: 10 * 60_000 });
    await interaction.editReply(themes.map((theme) => `**${theme.label}** (${theme.size})`).join("\n") || "None yet.");
  },
};

bot.once(Events.ClientReady, () =>
  bot.application.commands.set([
    new SlashCommandBuilder().setName("themes").setDescription("Your memories, by theme"),
    new SlashCommandBuilder().setName("remember").setDescription("Remember a text of yours")
      .addStringOption((option) => option.setName("text").setDescription("What to remember").setRequired(true)),
  ]),
);
bot.on(Events.InteractionCreate, (interaction) => {
  if (interaction.isChatInputCommand())
    commands[interaction.commandName](interaction).catch(() => interaction.followUp("That did not work."));
});
await bot.login(process.env.DISCORD_TOKEN);
