// The API's documentation by Swagger UI, which is served from here too: nothing is fetched from anybody else, and a key
// that is typed in stays in the page.

/* global SwaggerUIBundle */
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list",
  defaultModelRendering: "model",
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
