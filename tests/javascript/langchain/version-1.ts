// What version 1 of LangChain for JavaScript has elsewhere, or not at all.
import { InMemoryChatMessageHistory } from '@langchain/core/chat_history';

export { ConversationChain } from '@langchain/classic/chains';

/** A history with the method that `MotorheadMemory` calls, and that version 1 has under another name only. */
class History extends InMemoryChatMessageHistory {
  addAIChatMessage(text: string): Promise<void> {
    return this.addAIMessage(text);
  }
}

/** Returns the options that `MotorheadMemory` needs. */
export function history(): { chatHistory: InMemoryChatMessageHistory } {
  return { chatHistory: new History() };
}
