//! What every vendor's model call says about itself, written once. How a vendor is asked is its own file's.

/// Gives a provider with `client`, `model` and `converse` its instrumented `request`: one logical call, all attempts.
macro_rules! model_call {
    ($provider:ty, $span:literal, $vendor:expr) => {
        impl $provider {
            /// One logical model call with all its attempts.
            #[todo_otel_runtime::traced(
                                name = $span,
                                kind = client,
                                attributes(
                                    gen_ai.operation.name = "chat",
                                    gen_ai.provider.name = $vendor.as_str(),
                                    gen_ai.request.model = self.model.as_str(),
                                    gen_ai.request.max_tokens = i64::from($crate::enrich::prompt::MAX_TOKENS),
                                    gen_ai.output.type = "json",
                                    server.address = self.client.endpoint.host.as_str(),
                                    server.port = i64::from(self.client.endpoint.port),
                                ),
                                output(
                                    gen_ai.response.id = |reply| reply.id.as_deref(),
                                    gen_ai.response.model = |reply| reply.model.as_deref(),
                                    gen_ai.response.finish_reasons = |reply| reply.finish_reasons(),
                                    gen_ai.usage.input_tokens = |reply| reply.usage.input(),
                                    gen_ai.usage.output_tokens = |reply| reply.usage.output(),
                                    gen_ai.usage.cache_read.input_tokens = |reply| reply.usage.cache_read(),
                                    gen_ai.usage.cache_creation.input_tokens = |reply| reply.usage.cache_creation(),
                                    gen_ai.usage.reasoning.output_tokens = |reply| reply.usage.reasoning(),
                                    openai.api.type = |reply| reply.api,
                                )
                            )]
            pub async fn request(
                &self,
                prompt: &$crate::enrich::prompt::Prompt,
                idempotency_key: Option<&str>,
                attempts: &mut $crate::enrich::retry::Attempts<'_>,
            ) -> Result<$crate::enrich::Reply, $crate::enrich::EnrichError> {
                attempts.admit().await?;
                self.converse(prompt, idempotency_key, attempts).await
            }
        }
    };
}
