// Before version 1 of LangChain for JavaScript, `MotorheadMemory` needs nothing else.
export { ConversationChain } from 'langchain/chains';

/** Returns no option. */
export function history(): object {
  return {};
}
