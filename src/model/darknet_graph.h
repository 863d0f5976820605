/* A Darknet network told to an ONNX writer: nodes, ports and the weights to come.
 *
 * Tensors and nodes carry Darknet's names: "convolutional_3" is the output of layer 3. The
 * outputs of the graph are the heads' inputs, as raw grids 1 x channels x height x width, named
 * after the head ("yolo_120"), whose parameters become the property "darknet.yolo_120"; or the
 * last layer's output when there is no head. The input is "data": 1 x channels x height x
 * width, RGB, 0..1.
 */
#ifndef MODEL_DARKNET_GRAPH_H
#define MODEL_DARKNET_GRAPH_H

#include "model/darknet_network.h"
#include "model/onnx_writer.h"

/* Weights are announced convolution by convolution, first the bias, then the filters. Only an
 * activation can be at fault: errors are -EINVAL with "PATH:LINE: ". */
int darknet_graph_tell(const struct darknet_network *network, struct onnx_writer *writer,
                       struct error *err);

#endif
