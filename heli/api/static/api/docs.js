/* Shows the interface's own description. Nothing is loaded from elsewhere. */
(function () {
  "use strict";
  var main = document.getElementById("operations");
  SwaggerUIBundle({
    url: main.dataset.openapi,
    domNode: main,
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    docExpansion: "none",
    validatorUrl: null, // else the description would be sent to a stranger's server
    persistAuthorization: false,
    requestInterceptor: function (asked) {
      asked.credentials = "omit"; // a token is the only thing that counts
      return asked;
    },
  });
})();
