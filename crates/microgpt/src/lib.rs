//! A GPT from nothing: tokenizer, model, training and sampling, every gradient in sight.
