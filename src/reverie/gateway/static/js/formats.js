// Written from reverie/readers/formats.json by python -m tests.readers.shared_cases.

export const TABLE = {
  "about": "What the command line and the dashboard read, in one place. The dashboard has the same table as js/formats.js; a test compares them.",
  "text": ["text", "content", "contents", "memory", "message", "body", "fact", "note"],
  "date": ["created_at", "timestamp", "created", "date", "datetime", "time", "at"],
  "id": ["id", "memory_id", "message_id", "uuid"],
  "arrays": [
    "", "memories", "messages", "items", "results", "conversations", "data", "turns", "chat_messages",
    "chats.list[].messages", "histories.histories[].msgs"
  ],
  "reasons": {
    "bot": "messages of bots",
    "service": "service messages (joined, pinned, called)",
    "other side": "messages of the assistant or character",
    "other people": "messages of other people",
    "forwarded": "forwarded messages",
    "hidden": "hidden messages",
    "no text": "messages without text (pictures, stickers)"
  },
  "service": "^(?:Joined the server[.]|Pinned a message[.]|Started a thread[.]|Started a call(?: that lasted .*)?[.]|Added .+ to the group[.]|Removed .+ from the group[.]|Left the group[.]|Changed the channel (?:name: .*|icon[.]))$",
  "formats": [
    {
      "name": "ChatGPT conversation", "has": ["mapping"], "each": "mapping{}.message", "source": "title"
    },
    {
      "name": "Claude conversation", "has": ["chat_messages"], "each": "chat_messages[]", "source": "name"
    },
    {
      "name": "conversation in a line", "has": ["messages"], "each": "messages[]"
    },
    {
      "name": "ShareGPT conversation", "has": ["conversations"], "each": "conversations[]"
    },
    {
      "name": "DiscordChatExporter, JSON", "has": ["author.isBot", "content", "timestamp", "type"],
      "text": ["content"], "date": ["timestamp"], "id": "id",
      "author": {"id": ["author.id"], "name": ["author.nickname", "author.name"]},
      "bot": "author.isBot", "keep": {"type": ["Default", "Reply"]}
    },
    {
      "name": "DiscordChatExporter, CSV", "has": ["AuthorID", "Author", "Date", "Content"],
      "text": ["Content"], "date": ["Date"],
      "author": {"id": ["AuthorID"], "name": ["Author"]}, "service": true
    },
    {
      "name": "Telegram", "has": ["type", "date", "text"], "any": ["text_entities", "from_id", "actor_id"],
      "text": ["text"], "join": "", "date": ["date_unixtime", "date"], "unix": "seconds",
      "author": {"id": ["from_id"], "name": ["from"]},
      "keep": {"type": ["message"]}, "without": {"forwarded_from": "forwarded"}
    },
    {
      "name": "ChatGPT message", "has": ["author.role", "content.content_type"],
      "text": ["content.parts", "content.text"], "date": ["create_time"], "unix": "seconds", "id": "id",
      "person": {"author.role": ["user"]},
      "without": {"metadata.is_visually_hidden_from_conversation": "hidden"}
    },
    {
      "name": "Claude message", "has": ["sender", "created_at"], "any": ["text", "content"],
      "text": ["text", "content"], "date": ["created_at"], "id": "uuid", "person": {"sender": ["human"]}
    },
    {
      "name": "SillyTavern, first line", "has": ["user_name", "character_name"], "skip": true
    },
    {
      "name": "SillyTavern, first line of newer files", "has": ["chat_metadata"], "skip": true
    },
    {
      "name": "SillyTavern", "has": ["mes", "is_user"],
      "text": ["mes"], "date": ["send_date"], "unix": "milliseconds",
      "person": {"is_user": [true]}, "without": {"is_system": "hidden"}
    },
    {
      "name": "character.ai, older", "has": ["src.is_human", "text"],
      "text": ["text"], "date": ["created"], "person": {"src.is_human": [true]}
    },
    {
      "name": "character.ai, newer", "has": ["author", "candidates.0.raw_content"],
      "text": ["candidates.0.raw_content"], "date": ["create_time"], "id": "turn_key.turn_id",
      "person": {"author.is_human": [true]}
    },
    {
      "name": "LangChain, messages_to_dict", "has": ["type", "data.content"],
      "text": ["data.content"], "id": "data.id", "person": {"type": ["human"]}
    },
    {
      "name": "LangChain, dumpd", "has": ["lc", "kwargs.content"],
      "text": ["kwargs.content"], "id": "kwargs.id", "person": {"id.-1": ["HumanMessage", "HumanMessageChunk"]}
    },
    {
      "name": "LangGraph", "has": ["type", "content", "additional_kwargs"],
      "text": ["content"], "id": "id", "person": {"type": ["human"]}
    },
    {
      "name": "OpenAI or Anthropic message", "has": ["role", "content"],
      "text": ["content"], "date": ["created_at"], "unix": "seconds", "id": "id", "person": {"role": ["user", "human"]}
    },
    {
      "name": "ShareGPT message", "has": ["from", "value"], "text": ["value"], "person": {"from": ["human", "user"]}
    },
    {
      "name": "mem0", "has": ["memory", "id"], "any": ["hash", "user_id"],
      "text": ["memory"], "date": ["created_at"], "id": "id", "author": {"id": ["user_id"]}, "metadata": "metadata"
    },
    {
      "name": "Honcho message", "has": ["content"], "any": ["peer_id", "peer_name"],
      "text": ["content"], "date": ["created_at"], "id": "id",
      "author": {"id": ["peer_id", "peer_name"]}, "metadata": "metadata"
    },
    {
      "name": "Honcho conclusion", "has": ["content", "observed_id"],
      "text": ["content"], "date": ["created_at"], "id": "id", "author": {"id": ["observed_id"]}
    },
    {
      "name": "Honcho message, older", "has": ["content", "is_user"],
      "text": ["content"], "date": ["created_at"], "id": "id", "person": {"is_user": [true]}
    }
  ],
  "dates": [
    "^(?<y>[0-9]{4})-(?<m>[0-9]{2})-(?<d>[0-9]{2})(?:[Tt ](?<H>[0-9]{2}):(?<M>[0-9]{2})(?::(?<S>[0-9]{2})(?:[.,](?<f>[0-9]{1,12}))?)?)? ?(?<z>[Zz]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?$",
    "^(?<y>[0-9]{4})(?<m>[0-9]{2})(?<d>[0-9]{2})T(?<H>[0-9]{2})(?<M>[0-9]{2})(?<S>[0-9]{2})?(?<z>Z|[+-][0-9]{2}:?[0-9]{2})?$",
    "^(?:[A-Za-z]{3,9}, )?(?<d>[0-9]{1,2})[- ](?<mon>[A-Za-z]{3,9})[- ](?<y>[0-9]{4}|[0-9]{2})(?:,? (?<H>[0-9]{1,2}):(?<M>[0-9]{2})(?::(?<S>[0-9]{2}))? ?(?:(?<ap>[AaPp])[Mm])?)? ?(?<z>Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?$",
    "^(?<mon>[A-Za-z]{3,9}) (?<d>[0-9]{1,2}),? (?<y>[0-9]{4})(?:,? (?:at )?(?<H>[0-9]{1,2}):(?<M>[0-9]{2})(?::(?<S>[0-9]{2}))? ?(?:(?<ap>[AaPp])[Mm])?)?$",
    "^(?<y>[0-9]{4})-(?<m>[0-9]{1,2})-(?<d>[0-9]{1,2}) ?@ ?(?<H>[0-9]{1,2})h ?(?<M>[0-9]{1,2})m ?(?<S>[0-9]{1,2})s(?: ?[0-9]{1,3}ms)?$"
  ],
  "local_date": "^(?<a>[0-9]{1,4})[./-](?<b>[0-9]{1,2})[./-](?<c>[0-9]{1,4})[., ]+(?<ampm>上午|下午)?(?<H>[0-9]{1,2})[:.](?<M>[0-9]{2})(?:[:.](?<S>[0-9]{2}))? ?(?:(?<ap>[AaPp])[. ]*[Mm][.]?)?$",
  "local_sample": "(?:^|[\\[\",;\\n])(?<a>[0-9]{1,4})(?<s>[./-])(?<b>[0-9]{1,2})[./-](?<c>[0-9]{1,4})[., ]+(?:上午|下午)?[0-9]{1,2}[:.][0-9]{2}(?:[:.][0-9]{2})?(?<ap> ?[AP]M)?",
  "whatsapp": {
    "line": "^\\[?(?<date>[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}[., ]+(?:上午|下午)?[0-9]{1,2}[:.][0-9]{2}(?:[:.][0-9]{2})?(?: ?[AaPp][. ]{0,2}[Mm][.]?)?)(?:\\]| -) (?<rest>.*)$",
    "said": "^(?<name>[^:]{1,80}): (?<text>.*)$",
    "no_text": "^(?:\\u200e.*|<[^<>]{3,80}>|null|This message was deleted[.]?|You deleted this message[.]?)$",
    "edited": " ?\\u200e?<This message was edited>$"
  },
  "discord_txt": {
    "top": "^={20,}\\n(?:Guild|Server): ",
    "line": "^\\[(?<date>[^\\]]{6,40})\\] (?<name>.{1,120}?)(?: \\((?:pinned|edited)[^)]*\\))?$",
    "extra": "^[{](?:Attachments|Embed|Reactions|Stickers|Forwarded Message)[}]$",
    "end": "^={20,}$"
  },
  "archives": {
    "package": "(?:^|/)c?(?<channel>[0-9]{1,25})/messages[.](?<kind>json|csv)$",
    "index": "(?:^|/)[^/]+/index[.]json$",
    "known": "(?:^|/)(?:conversations(?:-[0-9]+)?[.]json|result[.]json|_chat[.]txt|WhatsApp Chat[^/]*[.]txt)$"
  }
};
