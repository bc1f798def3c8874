package cesta.tests;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.core.KeywordTokenizer;
import org.apache.lucene.analysis.core.WhitespaceTokenizer;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.en.EnglishAnalyzer;
import org.apache.lucene.analysis.en.EnglishMinimalStemFilter;
import org.apache.lucene.analysis.en.EnglishPossessiveFilter;
import org.apache.lucene.analysis.en.KStemFilter;
import org.apache.lucene.analysis.en.PorterStemFilter;
import org.apache.lucene.analysis.es.SpanishAnalyzer;
import org.apache.lucene.analysis.es.SpanishLightStemFilter;
import org.apache.lucene.analysis.es.SpanishPluralStemFilter;
import org.apache.lucene.analysis.miscellaneous.ASCIIFoldingFilter;
import org.apache.lucene.analysis.miscellaneous.KeywordRepeatFilter;
import org.apache.lucene.analysis.miscellaneous.LengthFilter;
import org.apache.lucene.analysis.miscellaneous.RemoveDuplicatesTokenFilter;
import org.apache.lucene.analysis.miscellaneous.TrimFilter;
import org.apache.lucene.analysis.miscellaneous.TruncateTokenFilter;
import org.apache.lucene.analysis.ngram.EdgeNGramTokenFilter;
import org.apache.lucene.analysis.ngram.EdgeNGramTokenizer;
import org.apache.lucene.analysis.ngram.NGramTokenFilter;
import org.apache.lucene.analysis.ngram.NGramTokenizer;
import org.apache.lucene.analysis.pattern.PatternCaptureGroupTokenFilter;
import org.apache.lucene.analysis.reverse.ReverseStringFilter;
import org.apache.lucene.analysis.snowball.SnowballFilter;
import org.elasticsearch.Build;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.index.IndexSettings;
import org.elasticsearch.index.analysis.AbstractIndexAnalyzerProvider;
import org.elasticsearch.index.analysis.AnalyzerProvider;
import org.elasticsearch.index.analysis.NormalizingTokenFilterFactory;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.xcontent.XContentBuilder;

/**
 * What the ordinary distribution of Elasticsearch has in its modules analysis-common and rest-root and the one on Maven
 * Central has not: analysis of text under the same names, with the same settings and defaults, and the answer to GET /.
 */
public final class TestAnalysisPlugin extends Plugin implements AnalysisPlugin, ActionPlugin {

    @Override
    public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
        Map<String, AnalysisProvider<TokenFilterFactory>> filters = new HashMap<>();
        filters.put("edge_ngram", filter((stream, is) -> new EdgeNGramTokenFilter(
            stream, is.getAsInt("min_gram", 1), is.getAsInt("max_gram", 2), is.getAsBoolean("preserve_original", false))));
        filters.put("ngram", filter((stream, is) -> new NGramTokenFilter(
            stream, is.getAsInt("min_gram", 1), is.getAsInt("max_gram", 2), is.getAsBoolean("preserve_original", false))));
        filters.put("stemmer", filter(TestAnalysisPlugin::stemmed));
        filters.put("length", filter((stream, is) -> new LengthFilter(
            stream, is.getAsInt("min", 0), is.getAsInt("max", Integer.MAX_VALUE))));
        filters.put("truncate", filter((stream, is) -> new TruncateTokenFilter(stream, is.getAsInt("length", 10))));
        filters.put("keyword_repeat", filter((stream, is) -> new KeywordRepeatFilter(stream)));
        filters.put("remove_duplicates", filter((stream, is) -> new RemoveDuplicatesTokenFilter(stream)));
        // These two, and the tokenizer of the same comment, are for Elasticsearch's own index of users and keys.
        filters.put("unique", filter((stream, is) -> new RemoveDuplicatesTokenFilter(stream)));
        filters.put("pattern_capture", filter((stream, is) -> new PatternCaptureGroupTokenFilter(
            stream, is.getAsBoolean("preserve_original", true),
            is.getAsList("patterns").stream().map(Pattern::compile).toArray(Pattern[]::new))));
        filters.put("reverse", filter((stream, is) -> new ReverseStringFilter(stream)));
        filters.put("asciifolding", normalizing(
            (stream, is) -> new ASCIIFoldingFilter(stream, is.getAsBoolean("preserve_original", false)),
            (stream, is) -> new ASCIIFoldingFilter(stream)));
        filters.put("trim", normalizing((stream, is) -> new TrimFilter(stream), (stream, is) -> new TrimFilter(stream)));
        return filters;
    }

    @Override
    public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
        Map<String, AnalysisProvider<TokenizerFactory>> tokenizers = new HashMap<>();
        tokenizers.put("keyword", tokenizer(is -> new KeywordTokenizer(is.getAsInt("buffer_size", 256))));
        // For Elasticsearch's own index of users and keys.
        tokenizers.put("uax_url_email", tokenizer(is -> new UAX29URLEmailTokenizer()));
        tokenizers.put("whitespace", tokenizer(is -> new WhitespaceTokenizer(is.getAsInt("max_token_length", 255))));
        tokenizers.put("edge_ngram", tokenizer(is -> {
            Predicate<Integer> kept = characters(is);
            return new EdgeNGramTokenizer(is.getAsInt("min_gram", 1), is.getAsInt("max_gram", 2)) {
                @Override
                protected boolean isTokenChar(int character) {
                    return kept.test(character);
                }
            };
        }));
        tokenizers.put("ngram", tokenizer(is -> {
            Predicate<Integer> kept = characters(is);
            return new NGramTokenizer(is.getAsInt("min_gram", 1), is.getAsInt("max_gram", 2)) {
                @Override
                protected boolean isTokenChar(int character) {
                    return kept.test(character);
                }
            };
        }));
        return tokenizers;
    }

    @Override
    public Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> getAnalyzers() {
        return Map.of("spanish", analyzer(SpanishAnalyzer::new), "english", analyzer(EnglishAnalyzer::new));
    }

    @Override
    public Collection<RestHandler> getRestHandlers(
        RestHandlersServices services, Supplier<DiscoveryNodes> nodes, Predicate<NodeFeature> features) {
        return List.of(new Root());
    }

    private static TokenStream stemmed(TokenStream stream, Settings settings) {
        String language = settings.get("language", settings.get("name", "porter"));
        return switch (language) {
            case "porter", "english" -> new PorterStemFilter(stream);
            case "porter2" -> new SnowballFilter(stream, "English");
            case "light_english", "kstem" -> new KStemFilter(stream);
            case "minimal_english" -> new EnglishMinimalStemFilter(stream);
            case "possessive_english" -> new EnglishPossessiveFilter(stream);
            case "spanish" -> new SnowballFilter(stream, "Spanish");
            case "light_spanish" -> new SpanishLightStemFilter(stream);
            case "spanish_plural" -> new SpanishPluralStemFilter(stream);
            default -> throw new IllegalArgumentException("the engine of the tests has no stemmer for " + language);
        };
    }

    private static Predicate<Integer> characters(Settings settings) {
        List<String> kinds = settings.getAsList("token_chars");
        return character -> kinds.isEmpty() || kinds.stream().anyMatch(kind -> switch (kind) {
            case "letter" -> Character.isLetter(character);
            case "digit" -> Character.isDigit(character);
            case "whitespace" -> Character.isWhitespace(character);
            default -> throw new IllegalArgumentException("the engine of the tests knows no token_chars " + kind);
        });
    }

    private static AnalysisProvider<TokenFilterFactory> filter(BiFunction<TokenStream, Settings, TokenStream> made) {
        return (index, environment, name, settings) -> {
            // Elasticsearch refuses an index whose filters do not know their settings; here they are read when used.
            if ("stemmer".equals(settings.get("type", ""))) {
                stemmed(new KeywordTokenizer(), settings);
            }
            return new Named(name, settings, made);
        };
    }

    private static AnalysisProvider<TokenFilterFactory> normalizing(
        BiFunction<TokenStream, Settings, TokenStream> made, BiFunction<TokenStream, Settings, TokenStream> normal) {
        return (index, environment, name, settings) -> new Normalizing(name, settings, made, normal);
    }

    private static AnalysisProvider<TokenizerFactory> tokenizer(java.util.function.Function<Settings, Tokenizer> made) {
        return (index, environment, name, settings) -> TokenizerFactory.newFactory(name, () -> made.apply(settings));
    }

    private static AnalysisProvider<AnalyzerProvider<? extends Analyzer>> analyzer(Supplier<Analyzer> made) {
        return (IndexSettings index, Environment environment, String name, Settings settings) ->
            new AbstractIndexAnalyzerProvider<Analyzer>(name) {
                private final Analyzer analyzer = made.get();

                @Override
                public Analyzer get() {
                    return analyzer;
                }
            };
    }

    private record Named(String name, Settings settings, BiFunction<TokenStream, Settings, TokenStream> made)
        implements TokenFilterFactory {
        @Override
        public TokenStream create(TokenStream stream) {
            return made.apply(stream, settings);
        }
    }

    private record Normalizing(
        String name, Settings settings,
        BiFunction<TokenStream, Settings, TokenStream> made, BiFunction<TokenStream, Settings, TokenStream> normal)
        implements NormalizingTokenFilterFactory {
        @Override
        public TokenStream create(TokenStream stream) {
            return made.apply(stream, settings);
        }

        @Override
        public TokenStream normalize(TokenStream stream) {
            return normal.apply(stream, settings);
        }
    }

    private static final class Root extends BaseRestHandler {
        @Override
        public String getName() {
            return "cesta_test_root";
        }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            return channel -> {
                XContentBuilder answer = channel.newBuilder().startObject();
                answer.field("name", client.getLocalNodeId()).field("cluster_name", client.settings().get("cluster.name"));
                answer.startObject("version").field("number", Build.current().qualifiedVersion());
                answer.field("build_flavor", "default").endObject();
                answer.field("tagline", "You Know, for Search").endObject();
                channel.sendResponse(new RestResponse(RestStatus.OK, answer));
            };
        }
    }
}
