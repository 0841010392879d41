"""The preset dictionary of the archive's codec: text that stored messages are likely to contain. Pure data.

All of it was written for this package. It was not derived from a data set. zlib finds a repetition faster and shorter
the nearer it is to the message, so the most likely text stands last.

Stored chunks can only be read with the dictionary that they were written with. So a dictionary is never changed: a
better one is added under a new codec name in `chunks.py`.
"""

from __future__ import annotations

_WORDS = (
    "although though through another because before after again against already always around available between both "
    "cannot could couldn't different didn't doesn't during each either enough even every everything example first "
    "found from further general given going great group having haven't helpful here's however important information "
    "instead interested isn't itself kind know known last later least left less let's little long longer look looking "
    "made make makes many maybe means might minutes more most much must need needed needs never next nothing number "
    "often only open order other others over part people perhaps place please point possible prefer price probably "
    "problem provide question questions quite rather really recommend remember request reserve response result results "
    "right said same second seems select sent service set several should shouldn't since small some someone something "
    "soon sorry start started still such sure system take talk tell than thank thanks that that's their them then "
    "there's these they they're thing things think third this those three time times today together tomorrow tonight "
    "total tried trying under understand until update use used user using usually very want wanted wants wasn't well "
    "went were what what's when where whether which while who whole why will with within without won't work working "
    "would wouldn't write wrong year years yesterday yet you'd you'll you're your yours "
    "January February March April May June July August September October November December "
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday morning afternoon evening night week weekend month hour "
    "account address airport amount answer appointment balance bank bill book booked booking brother call cancel card "
    "change chat check children city class code company contact country customer data date delivery detail details "
    "doctor document dollars email error event family father file flight food friend function home hotel house idea "
    "issue job language list location message model money mother movie music name office one way per person phone "
    "plan project reason reservation restaurant return room round trip school seat shop sister station store street "
    "table team test ticket tickets time zone town train travel trip type version visit weather website wife work "
)
_PHRASES = (
    " is located at  and their phone number is . The address is . The total is $. Would you like me to "
    " Is there anything else I can help you with today? Can I help you with anything else? "
    "I'm sorry, but I couldn't find any I'm sorry to hear that. I have found . I found for you. "
    "Your reservation has been made. Your has been confirmed. Please confirm the following details: "
    "Please confirm: What time would you like What date would you like What city are you "
    "Where would you like to How many people Which do you prefer? Do you have any preference "
    "Can you please tell me more about Can you tell me the Could you please I would like to know "
    "I would like to I'd like to I want to I need to I am looking for a I'm looking for Please find me "
    "That sounds good. That sounds great. That works for me. Yes, that is correct. Yes, please. Yes, that's right. "
    "No, that's all. No, thank you. Nothing else, thanks. That will be all. Okay, Sure, Great, Of course! "
    "Thank you very much. Thanks a lot for your help! You're welcome! Have a great day! Have a nice day. "
    "Here is Here are Let me know if you have any questions. As an example, for example, in order to "
    "What is the How do I How much does it What about the Is it Does it have Do you Are you it is in the of the to the "
    "on the for the and the at the with the from the by the is the that the . The . It . I . You "
)
_JSON = (
    '{"error":"","status":"success","message":"","result":"","results":[],"items":[],"data":{},"count":0,"total":'
    ',"true":true,"false":false,"null":null,"url":"https://www.","title":"","description":"","category":"","type":"'
    '","address":"","city":"","country":"","date":"2025-0","time":"","start":"","end":"","from":"","to":"","location":"'
    '","price":"","number":"","phone":"","email":"@gmail.com","name":"","id":"","query":"","value":"","text":"'
    '\\"}, {\\"\\": \\"\\", \\"name\\": \\"\\", \\"price\\": \\"\\", \\"date\\": \\"2026-01-\\", \\"time\\": \\"'
    '\\", \\"city\\": \\"\\", \\"address\\": \\"\\", \\"phone\\": \\"\\", \\"id\\": \\"\\"}]","id":"'
    '","additional_kwargs":{"refusal":null},"response_metadata":{"token_usage":{"completion_tokens":,"prompt_tokens":'
    ',"total_tokens":,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,'
    '"rejected_prediction_tokens":0},"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0}},"model_provider":'
    '"openai","model_name":"gpt-4o-mini","system_fingerprint":"fp_","id":"chatcmpl-","service_tier":"default",'
    '"finish_reason":"stop","logprobs":null,"stop_reason":"end_turn","stop_sequence":null,"model":"claude-"},'
    '"usage_metadata":{"input_tokens":,"output_tokens":,"total_tokens":,"input_token_details":{"cache_read":0,'
    '"cache_creation":0},"output_token_details":{"reasoning":0}},"finish_reason":"tool_calls"'
    '[{"type":"text","text":"","index":0},{"type":"image_url","image_url":{"url":"data:image/png;base64,'
    '"status":"error","artifact":{"name":"","example":true,"invalid_tool_calls":[{'
    '{"role":"system","content":"You are a helpful assistant. '
    '{"role":"tool","content":"[{\\"","name":"get_","tool_call_id":"call_"}'
    '{"role":"AI","content":"","tool_calls":[{"name":"search","args":{"query":""},"id":"call_","type":"tool_call"}]}'
    '\n{"role":"tool","content":"","name":"","tool_call_id":"toolu_01"}'
    '\n{"role":"AI","content":"","id":"lc_run--019"}\n{"role":"Human","content":"","id":"'
    '\n{"role":"AI","content":"I "}\n{"role":"Human","content":"I "}\n{"role":"AI","content":"'
)

WORDS_1 = (_WORDS + _PHRASES + _JSON).encode()
"""The dictionary of codec `z1`. Never change it: chunks that were written with it could not be read any more."""
