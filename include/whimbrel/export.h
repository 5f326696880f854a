/* What every public function is declared with: visibility, C linkage, and which results must be looked at.
 *
 * Nothing to call. Included by the other headers; macros only, so there is no state, ownership or thread
 * to speak of:
 *
 *     WHIM_API WHIM_MUST_CHECK whim_result whim_op_wait(whim_op *op, uint32_t timeout_ms); */
#ifndef WHIMBREL_EXPORT_H
#define WHIMBREL_EXPORT_H

#if defined(__GNUC__) || defined(__clang__)
#define WHIM_API __attribute__((visibility("default")))
#define WHIM_MUST_CHECK __attribute__((warn_unused_result))
#else
#define WHIM_API
#define WHIM_MUST_CHECK
#endif

#ifdef __cplusplus
#define WHIM_BEGIN_DECLS extern "C" {
#define WHIM_END_DECLS }
#else
#define WHIM_BEGIN_DECLS
#define WHIM_END_DECLS
#endif

#endif
